#include "http/connection.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "http/response_text.h"

namespace receiver::http {

namespace {

namespace asio = boost::asio;
using asio::awaitable;
using boost::system::error_code;
using State = Stream::State;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
/// Time for a connection above the limit to send the request that is then rejected.
constexpr std::chrono::milliseconds kRefusalTime{1'000};
constexpr std::size_t kLingerRead = 4 * 1024;

void count(std::atomic<std::uint64_t>& counter) {
  counter.fetch_add(1, std::memory_order_relaxed);
}

std::int64_t ticks(clock::Steady::time_point time) {
  return time.time_since_epoch().count();
}

clock::Steady::time_point time_of(std::int64_t value) {
  return clock::Steady::time_point(clock::Steady::duration(value));
}

/// No stream if memory is short.
Stream stream_over(int socket, const ServerTlsContext* tls) {
  if (tls == nullptr) return Stream(socket);
  TlsSession session = tls->new_session(socket);
  return session ? Stream(socket, std::move(session)) : Stream();
}

}  // namespace

Connection::Connection(std::shared_ptr<ServerContext> context, Socket socket,
                       const std::shared_ptr<const ServerTlsContext>& tls,
                       ConnectionTable::Admission admission)
    : context_(std::move(context)),
      limits_(context_->options.limits),
      admission_(admission),
      socket_(std::move(socket)),
      stream_(stream_over(socket_.native_handle(), tls.get())),
      parser_(limits_) {
  // An answer is one write: waiting for more bytes would only delay it.
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  context_->counters.connections_current.fetch_add(1, std::memory_order_relaxed);
  context_->connections.add(*this, admission_);
}

Connection::~Connection() {
  context_->connections.remove(*this);
  end_request();
  context_->counters.connections_current.fetch_sub(1, std::memory_order_relaxed);
}

awaitable<void> Connection::run(async::KeptAlive) {
  bool goes_on = co_await handshake();
  while (goes_on) {
    goes_on = co_await await_request();
    if (goes_on) goes_on = co_await serve_request();
  }
}

awaitable<bool> Connection::handshake() {
  const TimePoint deadline = after(clock::Steady::now(), limits_.handshake_time);
  State state = stream_.handshake();
  while (state == State::kWantRead || state == State::kWantWrite) {
    const Waited waited = co_await wait(state, deadline);
    state = waited == Waited::kReady ? stream_.handshake() : State::kBroken;
  }
  if (state == State::kDone) co_return true;
  count(context_->counters.tls_handshake_failures);
  if (stream_.peer_spoke_http()) {
    const Response response = error_response(400, "this port speaks HTTPS only");
    // One attempt is enough for such a small hint.
    static_cast<void>(stream_.write_raw(response_text(response, true, false)));
    co_await linger();
  }
  co_return false;
}

awaitable<bool> Connection::await_request() {
  if (parser_.has_bytes()) {
    // The peer did not wait for the answer. Other connections of this thread get their turn first.
    co_await asio::post(socket_.get_executor(), asio::use_awaitable);
    parser_.begin(clock::Steady::now());
    co_return true;
  }
  parser_.release();
  const TimePoint now = clock::Steady::now();
  const TimePoint deadline = after(now, limits_.idle_time);
  if (!become_idle(now)) {
    end_writing();
    co_return false;
  }
  Stream::Transfer transfer{State::kWantRead};
  if (stream_.may_hold_bytes()) transfer = stream_.read(parser_.prepare());
  while (transfer.state == State::kWantRead || transfer.state == State::kWantWrite) {
    parser_.release();
    const Waited waited = co_await wait(transfer.state, deadline);
    if (waited != Waited::kReady) {
      if (waited == Waited::kDeadline) count(context_->counters.refused_idle_time);
      end_writing();
      co_return false;
    }
    transfer = stream_.read(parser_.prepare());
  }
  if (transfer.state != State::kDone || !leave_idle()) {
    end_writing();
    co_return false;
  }
  parser_.commit(transfer.bytes);
  parser_.begin(clock::Steady::now());
  co_return true;
}

awaitable<bool> Connection::serve_request() {
  const HeadRead read = co_await read_head();
  if (read == HeadRead::kClosed) co_return false;
  std::optional<Response> response = refuse_request(read);
  if (!response) response = begin_request();
  if (!response) response = co_await call_handler();
  const bool goes_on = co_await answer(*response);
  co_return goes_on;
}

awaitable<Connection::HeadRead> Connection::read_head() {
  const TimePoint deadline = after(parser_.head().first_byte, limits_.header_time);
  for (;;) {
    const RequestParser::HeadStep step = parser_.parse_head();
    if (step != RequestParser::HeadStep::kNeedsMore) {
      co_return step == RequestParser::HeadStep::kComplete ? HeadRead::kComplete
                                                           : HeadRead::kRefused;
    }
    const Waited waited = co_await read_more(deadline);
    if (waited != Waited::kReady) {
      co_return waited == Waited::kDeadline ? HeadRead::kTooSlow : HeadRead::kClosed;
    }
  }
}

std::optional<Response> Connection::refuse_request(HeadRead read) {
  ServerCounters& counters = context_->counters;
  std::optional<Response> response;
  if (read == HeadRead::kTooSlow) {
    count(counters.refused_header_time);
    response = error_response(408, "request header not received in time");
  } else if (read == HeadRead::kRefused) {
    const Refusal& refusal = parser_.refusal();
    const bool too_large = refusal.kind == Refusal::Kind::kHeaderTooLarge;
    const bool malformed = refusal.kind == Refusal::Kind::kMalformed;
    count(too_large ? counters.refused_header_bytes : counters.refused_malformed);
    response = error_response(too_large ? 431 : malformed ? 400 : 501, refusal.reason);
  } else if (admission_ == ConnectionTable::Admission::kRefused) {
    count(counters.refused_connections);
    response = overloaded_response();
  }
  if (response) response->close = true;
  return response;
}

awaitable<Response> Connection::call_handler() {
  std::string failure;
  try {
    Response response = co_await context_->handler(parser_.head(), *this);
    co_return response;
  } catch (const std::exception& exception) {
    failure = exception.what();
  } catch (...) {
    failure = "not a std::exception";
  }
  count(context_->counters.handler_failures);
  if (const auto held_back = context_->handler_failures.admit()) {
    context_->logger.error("answered 500: the handler threw an exception",
                           {{"error", failure}, {"suppressed", *held_back}});
  }
  co_return error_response(500, "internal error");
}

awaitable<bool> Connection::answer(const Response& response) {
  const bool goes_on =
      !response.close && parser_.complete() && parser_.keep_alive() && !context_->draining.load();
  const bool with_body = parser_.head().method != "HEAD";
  const std::string text = response_text(response, with_body, goes_on);
  const bool written = co_await write(text);
  end_request();
  if (written && !goes_on) co_await linger();
  co_return written&& goes_on;
}

awaitable<void> Connection::linger() {
  end_writing();
  const TimePoint deadline = clock::Steady::now() + limits_.linger_time;
  std::vector<char> dropped(kLingerRead);
  std::size_t left = limits_.linger_bytes;
  while (left > 0) {
    const Stream::Transfer transfer =
        stream_.read_raw(std::span(dropped).first(std::min(left, dropped.size())));
    left -= transfer.bytes;
    if (transfer.state == State::kWantRead) {
      const Waited waited = co_await wait(State::kWantRead, deadline);
      if (waited != Waited::kReady) co_return;
    } else if (transfer.state != State::kDone) {
      co_return;
    }
  }
}

awaitable<tl::expected<std::string_view, BodyError>> Connection::next() {
  if (body_error_) co_return tl::unexpected(*body_error_);
  if (!body_deadline_) body_deadline_ = clock::Steady::now() + limits_.body_time;
  for (;;) {
    const auto piece = parser_.parse_body();
    if (!piece) co_return refuse_body(piece.error());
    if (*piece) {
      if (!charge_body((*piece)->size())) co_return refuse_body(BodyError::kNoRoom);
      co_return **piece;
    }
    if (parser_.awaits_continue() && !sent_continue_) {
      sent_continue_ = true;
      const bool written = co_await write(kContinue);
      if (!written) co_return refuse_body(BodyError::kPeerClosed);
    }
    const Waited waited = co_await read_more(*body_deadline_);
    if (waited != Waited::kReady) {
      co_return refuse_body(waited == Waited::kDeadline ? BodyError::kTooSlow
                                                        : BodyError::kPeerClosed);
    }
  }
}

awaitable<Connection::Waited> Connection::wait(State wanted, TimePoint deadline) {
  if (clock::Steady::now() >= deadline) co_return Waited::kDeadline;
  const auto direction = wanted == State::kWantWrite ? Socket::wait_write : Socket::wait_read;
  error_code ec;
  deadline_.store(ticks(deadline), std::memory_order_relaxed);
  co_await socket_.async_wait(direction, asio::redirect_error(asio::use_awaitable, ec));
  deadline_.store(kNever, std::memory_order_relaxed);
  if (!socket_.is_open()) co_return Waited::kClosed;
  co_return ec&& clock::Steady::now() >= deadline ? Waited::kDeadline : Waited::kReady;
}

awaitable<Connection::Waited> Connection::read_more(TimePoint deadline) {
  for (;;) {
    // Checked before every read: a fast peer may never make the coroutine wait.
    if (clock::Steady::now() >= deadline) co_return Waited::kDeadline;
    const Stream::Transfer transfer = stream_.read(parser_.prepare());
    switch (transfer.state) {
      case State::kDone:
        parser_.commit(transfer.bytes);
        co_return Waited::kReady;
      case State::kWantRead:
      case State::kWantWrite: {
        const Waited waited = co_await wait(transfer.state, deadline);
        if (waited != Waited::kReady) co_return waited;
        break;
      }
      case State::kEnd:
      case State::kBroken:
        co_return Waited::kClosed;
    }
  }
}

awaitable<bool> Connection::write(std::string_view text) {
  std::optional<TimePoint> deadline;  // most answers are sent at once, without reading the clock
  while (!text.empty()) {
    const Stream::Transfer transfer = stream_.write(text);
    if (transfer.state == State::kEnd || transfer.state == State::kBroken) co_return false;
    text.remove_prefix(transfer.bytes);
    if (transfer.state != State::kDone) {
      if (!deadline) deadline = clock::Steady::now() + limits_.write_time;
      const Waited waited = co_await wait(transfer.state, *deadline);
      if (waited != Waited::kReady) co_return false;
    }
  }
  co_return true;
}

void Connection::end_writing() {
  stream_.say_goodbye();
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

Connection::TimePoint Connection::after(TimePoint start, std::chrono::milliseconds time) const {
  const bool refused = admission_ == ConnectionTable::Admission::kRefused;
  return start + (refused ? std::min(time, kRefusalTime) : time);
}

bool Connection::charge_body(std::size_t bytes) {
  const auto charged = static_cast<std::int64_t>(bytes);
  auto& current = context_->counters.body_bytes_current;
  if (current.fetch_add(charged) + charged > static_cast<std::int64_t>(limits_.bodies_bytes)) {
    current.fetch_sub(charged);
    return false;
  }
  body_bytes_ += bytes;
  return true;
}

tl::unexpected<BodyError> Connection::refuse_body(BodyError error) {
  ServerCounters& counters = context_->counters;
  body_error_ = error;
  switch (error) {
    case BodyError::kTooLarge:
      count(counters.refused_body_bytes);
      break;
    case BodyError::kTooSlow:
      count(counters.refused_body_time);
      break;
    case BodyError::kNoRoom:
      count(counters.refused_bodies_bytes);
      break;
    case BodyError::kMalformed:
      count(counters.refused_malformed);
      break;
    case BodyError::kPeerClosed:
      break;
  }
  return tl::unexpected<BodyError>(error);
}

std::optional<Response> Connection::begin_request() {
  in_request_ = true;
  sent_continue_ = false;
  body_deadline_.reset();
  body_error_.reset();
  count(context_->counters.requests);
  const auto others = context_->counters.requests_current.fetch_add(1, std::memory_order_relaxed);
  if (static_cast<std::size_t>(others) < limits_.requests) return std::nullopt;
  count(context_->counters.refused_requests);
  return overloaded_response();
}

void Connection::end_request() {
  if (in_request_) {
    in_request_ = false;
    context_->counters.requests_current.fetch_sub(1, std::memory_order_relaxed);
  }
  context_->counters.body_bytes_current.fetch_sub(static_cast<std::int64_t>(body_bytes_));
  body_bytes_ = 0;
}

bool Connection::become_idle(TimePoint now) {
  if (admission_ != ConnectionTable::Admission::kServed) {
    return true;  // it does not count towards the limit, so it cannot make room; it waits only
                  // briefly
  }
  idle_.store(ticks(now));
  // Set idle first, then check draining: a drain that misses the first sees the second.
  return !context_->draining.load() || !claim_idle();
}

bool Connection::leave_idle() {
  if (admission_ != ConnectionTable::Admission::kServed) return true;
  std::int64_t since = idle_.load();
  return since != kClaimed && idle_.compare_exchange_strong(since, kBusy);
}

clock::Steady::time_point Connection::deadline() const {
  return time_of(deadline_.load(std::memory_order_relaxed));
}

std::optional<clock::Steady::time_point> Connection::idle_since() const {
  const std::int64_t since = idle_.load();
  return since < 0 ? std::nullopt : std::optional(time_of(since));
}

bool Connection::claim_idle() {
  std::int64_t since = idle_.load();
  return since >= 0 && idle_.compare_exchange_strong(since, kClaimed);
}

void Connection::wake() {
  asio::post(socket_.get_executor(), [this, alive = shared_from_this()] {
    if (deadline() <= clock::Steady::now()) {
      error_code ignored;
      socket_.cancel(ignored);
    }
  });
}

void Connection::cut() {
  asio::post(socket_.get_executor(), [this, alive = shared_from_this()] {
    if (socket_.is_open()) {
      error_code ignored;
      end_writing();
      stream_ = Stream();
      socket_.close(ignored);
    }
  });
}

}  // namespace receiver::http
