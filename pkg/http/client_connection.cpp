#include "http/client_connection.h"

#include <algorithm>
#include <cstring>
#include <sys/socket.h>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "crypto/crypto.h"

namespace receiver::http {

namespace asio = boost::asio;

namespace {

using Kind = ClientError::Kind;
using State = Stream::State;

/// The peer's kernel acknowledges sent data, whatever its program does. Without an acknowledgement
/// the route is broken, and a request still has time to use another connection.
constexpr int kUnacknowledgedMilliseconds = 5'000;
/// A dead peer is noticed after 40 s, at the second probe, even on a watch without events.
constexpr int kKeepAliveIdleSeconds = 30;
constexpr int kKeepAliveIntervalSeconds = 10;
/// A fast peer must not occupy the thread.
constexpr unsigned kReadsPerTurn = 16;
constexpr int kInterimAnswers = 8;

}  // namespace

ClientConnection::ClientConnection(const asio::any_io_executor& executor, std::string peer,
                                   std::shared_ptr<const ClientTlsContext> tls,
                                   Client::Connection kind)
    : socket_(executor),
      timer_(executor),
      peer_(std::move(peer)),
      tls_(std::move(tls)),
      kind_(kind) {}

ClientConnection::~ClientConnection() {
  crypto::wipe(buffer_.get(), used_);
  close();
}

tl::unexpected<ClientError> ClientConnection::failure(Kind kind, std::string_view what) const {
  return tl::unexpected(ClientError{kind, fmt::format("{}: {}", peer_, what)});
}

tl::unexpected<ClientError> ClientConnection::why_broken() const {
  switch (*broken_by_) {
    case Kind::kTimeout:
      return failure(Kind::kTimeout, "no answer before the deadline");
    case Kind::kClosed:
      return failure(Kind::kClosed, "the client was closed");
    case Kind::kConnect:
    case Kind::kTls:
    case Kind::kBroken:
    case Kind::kTooLarge:
      break;
  }
  return failure(*broken_by_, "the connection broke");
}

// Deadlines -----------------------------------------------------------------------------------

void ClientConnection::expire_at(TimePoint deadline) {
  deadline_ = deadline;
  if (deadline < timer_due_) arm_timer();
}

void ClientConnection::arm_timer() {
  timer_due_ = deadline_;
  timer_.expires_at(deadline_);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& ec) {
    if (ec) return;
    if (const auto self = weak.lock()) self->on_timer();
  });
}

void ClientConnection::on_timer() {
  timer_due_ = TimePoint::max();
  if (broken_by_) return;
  if (clock::Steady::now() >= deadline_) {
    abort(Kind::kTimeout);
  } else if (deadline_ != TimePoint::max()) {
    arm_timer();
  }
}

void ClientConnection::abort(Kind kind) {
  if (broken_by_) return;
  broken_by_ = kind;
  close();
}

void ClientConnection::close() {
  stream_.say_goodbye();
  stream_ = Stream();
  boost::system::error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
}

// Connecting ----------------------------------------------------------------------------------

asio::awaitable<ClientConnection::Done> ClientConnection::connect(std::vector<Endpoint> endpoints,
                                                                  TimePoint deadline,
                                                                  std::optional<Tunnel> tunnel) {
  std::string problem = "no address";
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const auto now = clock::Steady::now();
    if (i > 0) broken_by_.reset();
    expire_at(now + (deadline - now) / static_cast<int>(endpoints.size() - i));
    problem = co_await connect_to(endpoints[i]);
    if (problem.empty() || broken_by_ == Kind::kClosed) break;
  }
  if (broken_by_ == Kind::kClosed) co_return why_broken();
  if (!problem.empty()) co_return failure(Kind::kConnect, "cannot connect: " + problem);
  set_socket_options();
  stream_ = Stream(socket_.native_handle());
  expire_at(deadline);
  if (tunnel) {
    auto opened = co_await open_tunnel(std::move(*tunnel));
    if (!opened) co_return opened;
  }
  if (!tls_) co_return Done{};
  co_return co_await handshake(tls_);
}

asio::awaitable<ClientConnection::Done> ClientConnection::open_tunnel(Tunnel tunnel) {
  if (tunnel.tls) {
    proxy_tls_ = tunnel.tls;
    auto done = co_await handshake(proxy_tls_);
    if (!done) co_return done;
  }
  if (tunnel.request.empty()) co_return Done{};
  // As with HEAD, the answer to CONNECT has no body: what follows comes from the server.
  auto answered = co_await exchange(tunnel.request, true);
  if (!answered) {
    if (answered.error().kind != Kind::kClosed) answered.error().kind = Kind::kConnect;
    co_return answered;
  }
  const unsigned status = answer_->status();
  if (status < 200 || status >= 300 || begin_ != end_) {
    co_return failure(Kind::kConnect,
                      fmt::format("the proxy did not open a connection: it answered {}{}", status,
                                  status == 407 ? ": it needs another user or password" : ""));
  }
  come_to_rest();
  head_done_ = was_answered_ = false;
  co_return Done{};
}

asio::awaitable<std::string> ClientConnection::connect_to(Endpoint endpoint) {
  boost::system::error_code ec;
  if (socket_.is_open()) socket_.close(ec);
  socket_.open(endpoint.protocol(), ec);
  if (ec) co_return ec.message();
  co_await socket_.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, ec));
  if (broken_by_) co_return "no answer before the deadline";
  co_return ec ? ec.message() : std::string();
}

void ClientConnection::set_socket_options() {
  const auto set = [this](int level, int name, int value) {
    // Only optimizations: the connection works without them.
    static_cast<void>(::setsockopt(socket_.native_handle(), level, name, &value, sizeof value));
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, kUnacknowledgedMilliseconds);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
}

asio::awaitable<ClientConnection::Done> ClientConnection::handshake(
    std::shared_ptr<const ClientTlsContext> context) {
  const int socket = socket_.native_handle();
  TlsSession session = stream_.is_tls() ? context->new_session_within(stream_.take_session())
                                        : context->new_session(socket);
  if (!session) co_return failure(Kind::kTls, "cannot set up a TLS connection");
  stream_ = Stream(socket, std::move(session));
  for (;;) {
    if (broken_by_ == Kind::kTimeout) {
      co_return failure(Kind::kConnect, "the TLS handshake timed out");
    }
    if (broken_by_) co_return why_broken();
    const State state = stream_.handshake();
    if (state == State::kDone) co_return Done{};
    if (state != State::kWantRead && state != State::kWantWrite) {
      auto refused = failure(Kind::kTls, context->refusal(stream_));
      abort(Kind::kTls);
      co_return refused;
    }
    co_await wait(state);
  }
}

// Bytes ---------------------------------------------------------------------------------------

asio::awaitable<void> ClientConnection::wait(State want) {
  reads_in_a_row_ = 0;
  const auto what = want == State::kWantWrite ? asio::ip::tcp::socket::wait_write
                                              : asio::ip::tcp::socket::wait_read;
  boost::system::error_code ignored;  // if it failed, so will the next operations
  co_await socket_.async_wait(what, asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<ClientConnection::Done> ClientConnection::write(std::string_view text) {
  while (!text.empty()) {
    if (broken_by_) co_return why_broken();
    const Stream::Transfer sent = stream_.write(text);
    switch (sent.state) {
      case State::kDone:
        text.remove_prefix(sent.bytes);
        break;
      case State::kWantRead:
      case State::kWantWrite:
        co_await wait(sent.state);
        break;
      case State::kEnd:
      case State::kBroken:
        co_return failure(Kind::kBroken, "cannot send the request: " + stream_.problem());
    }
  }
  co_return Done{};
}

bool ClientConnection::make_room() {
  const std::size_t piece_bytes =
      kind_ == Client::Connection::kOwn ? kOwnPieceBytes : kPooledPieceBytes;
  const std::size_t wanted = head_done_ ? piece_bytes : ResponseParser::kHeadBytes;
  if (capacity_ < wanted || (begin_ == end_ && capacity_ != wanted)) {
    take_buffer(wanted);
  } else if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  return end_ < capacity_;
}

void ClientConnection::take_buffer(std::size_t capacity) {
  const std::size_t unread = end_ - begin_;
  std::unique_ptr<char[]> fresh;
  if (capacity > 0) fresh = std::make_unique_for_overwrite<char[]>(capacity);
  if (fresh && unread > 0) std::memcpy(fresh.get(), buffer_.get() + begin_, unread);
  crypto::wipe(buffer_.get(), used_);
  buffer_ = std::move(fresh);
  capacity_ = capacity;
  begin_ = 0;
  end_ = used_ = unread;
}

asio::awaitable<Result<std::size_t>> ClientConnection::fill() {
  if (++reads_in_a_row_ > kReadsPerTurn) {
    reads_in_a_row_ = 0;
    co_await asio::post(socket_.get_executor(), asio::use_awaitable);
  }
  for (;;) {
    if (broken_by_) co_return why_broken();
    if (!make_room()) co_return failure(Kind::kBroken, "malformed answer: a line is too long");
    const Stream::Transfer got = stream_.read({buffer_.get() + end_, capacity_ - end_});
    switch (got.state) {
      case State::kDone:
        end_ += got.bytes;
        used_ = std::max(used_, end_);
        was_answered_ = true;
        co_return got.bytes;
      case State::kWantRead:
      case State::kWantWrite:
        // Thousands of watches may wait here. Most keep the end of a chunk, which the parser reads
        // together with the next one.
        if (capacity_ > end_ - begin_) take_buffer(end_ - begin_);
        co_await wait(got.state);
        break;
      case State::kEnd:
        co_return std::size_t{0};
      case State::kBroken:
        // In TLS 1.3, the client learns last that its certificate was rejected.
        if (stream_.peer_sent_alert() && !was_answered_) {
          co_return failure(Kind::kTls,
                            "the server refused the TLS connection: " + stream_.problem());
        }
        co_return failure(Kind::kBroken, "the connection broke: " + stream_.problem());
    }
  }
}

// Requests and answers ------------------------------------------------------------------------

asio::awaitable<ClientConnection::Done> ClientConnection::exchange(std::string_view text,
                                                                   bool is_head) {
  was_answered_ = false;
  const auto written = co_await write(text);
  // A server that rejects a long request may answer, close and never read the rest. Its answer says
  // more than the failure to send.
  if (!written && written.error().kind != Kind::kBroken) co_return tl::unexpected(written.error());
  for (int i = 0; i < kInterimAnswers; ++i) {
    head_done_ = false;
    answer_.emplace(is_head);
    const auto event = co_await next_event();
    if (!event) {
      const bool told_by_write = !written && event.error().kind == Kind::kBroken;
      co_return tl::unexpected(told_by_write ? written.error() : event.error());
    }
    head_done_ = true;
    if (answer_->status() >= 200) co_return Done{};
    if (answer_->status() == 101) break;  // no request asks for another protocol
  }
  abort(Kind::kBroken);
  co_return failure(Kind::kBroken, "malformed answer: interim answers without an end");
}

asio::awaitable<Result<ResponseParser::Step>> ClientConnection::next_event() {
  using Step = ResponseParser::Step;
  for (;;) {
    if (broken_by_) co_return why_broken();
    std::string_view unread(buffer_.get() + begin_, end_ - begin_);
    const Step step = answer_->step(unread);
    begin_ = end_ - unread.size();
    if (step == Step::kMalformed) {
      auto malformed =
          failure(Kind::kBroken, fmt::format("malformed answer: {}", answer_->problem()));
      abort(Kind::kBroken);
      co_return malformed;
    }
    if (step != Step::kNeedsMore) co_return step;
    auto got = co_await fill();
    if (!got) {
      abort(got.error().kind);
      co_return tl::unexpected(std::move(got.error()));
    }
    if (*got > 0) continue;
    if (answer_->finish()) co_return Step::kEnd;
    auto cut_off = failure(Kind::kBroken,
                           was_answered_ ? "the connection was closed in the middle of the answer"
                                         : "the connection was closed instead of an answer");
    abort(Kind::kBroken);
    co_return cut_off;
  }
}

bool ClientConnection::is_usable() {
  return !broken_by_ && begin_ == end_ && stream_.is_silent();
}

void ClientConnection::come_to_rest() {
  begin_ = end_;
  take_buffer(0);
  answer_.reset();
}

bool ClientConnection::can_be_kept() const {
  return !broken_by_ && begin_ == end_ && answer_ && answer_->keep_alive();
}

}  // namespace receiver::http
