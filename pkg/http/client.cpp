#include "http/client.h"

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>

#include "async/kept_alive.h"
#include "async/slots.h"
#include "crypto/crypto.h"
#include "http/client_connection.h"
#include "http/client_tls.h"
#include "http/request_text.h"

namespace receiver::http {

namespace asio = boost::asio;

using async::Sleeper;
using async::Slots;
using Kind = ClientError::Kind;
using TimePoint = std::chrono::steady_clock::time_point;

class Client::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, ClientOptions options);

  asio::awaitable<Result<Response>> send(async::KeptAlive, Request request, TimePoint deadline);
  asio::awaitable<Result<std::unique_ptr<ResponseStream>>> open(async::KeptAlive, Request request,
                                                                TimePoint deadline,
                                                                Connection kind);
  void set_tls(const ClientTls& tls);
  void close();

 private:
  class Lease;
  class Stream;
  struct Lookup;
  using Done = ClientConnection::Done;
  using Endpoints = std::vector<ClientConnection::Endpoint>;

  /// Sends the request, and once more if a pooled connection turns out to be dead. Returns when the
  /// answer's header has arrived.
  asio::awaitable<Result<Lease>> exchange(Request request, TimePoint deadline, Connection kind);
  asio::awaitable<Result<Slots::Slot>> wait_for_slot(TimePoint deadline);
  asio::awaitable<Done> connect(Lease& lease, TimePoint deadline);
  asio::awaitable<Result<Endpoints>> resolve(TimePoint deadline);
  void look_up();

  [[nodiscard]] bool is_tls() const { return options_.scheme != "http"; }
  /// The host that connections go to: the proxy's, if there is one.
  [[nodiscard]] const std::string& next_host() const {
    return options_.proxy ? options_.proxy->host : options_.host;
  }
  [[nodiscard]] unsigned short next_port() const {
    return options_.proxy ? options_.proxy->port : options_.port;
  }
  [[nodiscard]] std::optional<ClientConnection::Tunnel> tunnel() const;
  [[nodiscard]] std::shared_ptr<ClientConnection> take_idle();
  void keep(std::shared_ptr<ClientConnection> connection);
  [[nodiscard]] tl::unexpected<ClientError> failure(Kind kind, std::string_view what) const;

  asio::any_io_executor executor_;
  ClientOptions options_;
  std::string peer_;  ///< host and port, for errors
  std::string host_field_;
  std::optional<asio::ip::address> address_;  ///< address of next_host(), if it is a literal
  asio::ip::tcp::resolver resolver_;

  std::shared_ptr<const ClientTlsContext> tls_;
  std::shared_ptr<const ClientTlsContext> proxy_tls_;
  std::string tls_problem_;  ///< why a TLS context is missing

  Slots slots_;
  std::shared_ptr<Lookup> lookup_;  ///< the lookup in progress
  std::vector<std::shared_ptr<ClientConnection>>
      idle_;  ///< the most recently used connection is used first
  std::unordered_set<ClientConnection*> leased_;
  bool closed_ = false;
};

/// The right to a connection, and the connection. The destructor returns both: it closes the
/// connection unless finish() found that it can be kept.
class Client::Impl::Lease {
 public:
  /// Without a slot, the connection is outside of the pool.
  Lease(std::shared_ptr<Impl> owner, Slots::Slot slot)
      : owner_(std::move(owner)), slot_(std::move(slot)) {}
  Lease(Lease&& other) noexcept = default;
  Lease& operator=(Lease&&) = delete;
  ~Lease() { finish(false); }

  void use(std::shared_ptr<ClientConnection> connection) {
    drop_connection();
    connection_ = std::move(connection);
    if (connection_) owner_->leased_.insert(connection_.get());
  }
  void drop_connection() {
    if (!connection_) return;
    owner_->leased_.erase(connection_.get());
    connection_.reset();
  }
  /// Returns the connection to the pool if it can be used again.
  void finish(bool ended = true) {
    auto connection = connection_;
    drop_connection();
    if (!slot_) return;
    if (ended && connection && connection->can_be_kept()) owner_->keep(std::move(connection));
    connection.reset();
    slot_.give_back();
  }
  [[nodiscard]] ClientConnection* operator->() const { return connection_.get(); }
  explicit operator bool() const { return connection_ != nullptr; }

 private:
  std::shared_ptr<Impl> owner_;
  std::shared_ptr<ClientConnection> connection_;
  Slots::Slot slot_;
};

class Client::Impl::Stream final : public ResponseStream {
 public:
  explicit Stream(Lease lease)
      : lease_(std::move(lease)),
        status_(lease_->answer().status()),
        headers_(std::move(lease_->answer().headers())) {
    lease_->never_expire();
  }

  [[nodiscard]] unsigned status() const override { return status_; }
  [[nodiscard]] const Headers& headers() const override { return headers_; }

  asio::awaitable<Result<std::string_view>> next(std::chrono::milliseconds idle) override {
    if (!lease_) co_return std::string_view();
    lease_->expire_at(clock::Steady::now() + idle);
    auto event = co_await lease_->next_event();
    lease_->never_expire();
    if (!event) co_return tl::unexpected(std::move(event.error()));
    if (*event == ResponseParser::Step::kPiece) co_return lease_->answer().piece();
    lease_.finish();
    co_return std::string_view();
  }

 private:
  Lease lease_;
  unsigned status_;
  Headers headers_;
};

Client::Impl::Impl(asio::any_io_executor executor, ClientOptions options)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      peer_(host_and_port(options_.host, options_.port)),
      host_field_(host_field(options_.scheme, options_.host, options_.port)),
      resolver_(executor_),
      slots_(executor_, options_.connections, options_.waiting) {
  boost::system::error_code ec;
  if (options_.proxy) peer_ += fmt::format(" (through the proxy {})", options_.proxy->address());
  const auto address = asio::ip::make_address(next_host(), ec);
  if (!ec) address_ = address;
  set_tls(options_.tls);
  options_.tls = {};  // the context has it; this avoids another copy of the key
}

tl::unexpected<ClientError> Client::Impl::failure(Kind kind, std::string_view what) const {
  return tl::unexpected(ClientError{kind, fmt::format("{}: {}", peer_, what)});
}

// The pool ------------------------------------------------------------------------------------

std::shared_ptr<ClientConnection> Client::Impl::take_idle() {
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->is_usable()) return connection;
  }
  return nullptr;
}

void Client::Impl::keep(std::shared_ptr<ClientConnection> connection) {
  if (closed_ || connection->tls() != tls_) return;
  std::erase_if(idle_, [](const auto& other) { return other->is_broken(); });
  connection->come_to_rest();
  connection->expire_at(clock::Steady::now() + options_.idle_time);
  idle_.push_back(std::move(connection));
}

asio::awaitable<Result<Slots::Slot>> Client::Impl::wait_for_slot(TimePoint deadline) {
  auto slot = co_await slots_.take(deadline);
  if (slot) co_return std::move(*slot);
  switch (slot.error()) {
    case Slots::Refusal::kClosed:
      co_return failure(Kind::kClosed, "the client was closed");
    case Slots::Refusal::kTooManyWait:
      co_return failure(Kind::kConnect, "too many requests are waiting for a connection");
    case Slots::Refusal::kTooLate:
      break;
  }
  co_return failure(Kind::kTimeout, "no connection of the pool became free before the deadline");
}

// Connecting ----------------------------------------------------------------------------------

/// Shared by all who wait for it, and with the resolver, which may answer at any time.
struct Client::Impl::Lookup {
  Sleeper::Queue waiting;
  boost::system::error_code ec;
  Endpoints endpoints;
};

asio::awaitable<Result<Client::Impl::Endpoints>> Client::Impl::resolve(TimePoint deadline) {
  if (address_) co_return Endpoints{{*address_, next_port()}};
  if (!lookup_) look_up();
  const std::shared_ptr<const Lookup> lookup = lookup_;
  Sleeper sleeper(executor_, lookup_->waiting);
  const bool woken = co_await sleeper.sleep(deadline);
  if (closed_) co_return failure(Kind::kClosed, "the client was closed");
  if (!woken) co_return failure(Kind::kConnect, "the name was not resolved before the deadline");
  if (lookup->ec) {
    co_return failure(Kind::kConnect, "cannot resolve the name: " + lookup->ec.message());
  }
  co_return lookup->endpoints;
}

/// One lookup at a time: it cannot be cancelled, and while name servers are silent, requests that
/// give up would leave more and more lookups behind.
void Client::Impl::look_up() {
  lookup_ = std::make_shared<Lookup>();
  resolver_.async_resolve(next_host(), std::to_string(next_port()),
                          asio::ip::resolver_base::numeric_service,
                          [weak = weak_from_this(), lookup = lookup_](
                              const boost::system::error_code& ec, const auto& results) {
                            lookup->ec = ec;
                            for (const auto& result : results) {
                              lookup->endpoints.push_back(result.endpoint());
                            }
                            if (const auto self = weak.lock()) self->lookup_.reset();
                            Sleeper::wake_all(lookup->waiting);
                          });
}

asio::awaitable<Client::Impl::Done> Client::Impl::connect(Lease& lease, TimePoint deadline) {
  if (!tls_problem_.empty()) co_return failure(Kind::kTls, tls_problem_);
  const TimePoint until = std::min(deadline, clock::Steady::now() + options_.connect_time);
  auto endpoints = co_await resolve(until);
  Done connected;
  if (endpoints) {
    connected = co_await lease->connect(std::move(*endpoints), until, tunnel());
  } else {
    connected = tl::unexpected(std::move(endpoints.error()));
  }
  if (!connected && connected.error().kind == Kind::kConnect && clock::Steady::now() >= deadline) {
    connected.error().kind = Kind::kTimeout;
  }
  co_return connected;
}

// Requests ------------------------------------------------------------------------------------

asio::awaitable<Result<Client::Impl::Lease>> Client::Impl::exchange(Request request,
                                                                    TimePoint deadline,
                                                                    Connection kind) {
  // For a request that a proxy forwards, the target is the full URL.
  const bool is_forwarded = options_.proxy && !is_tls();
  if (is_forwarded && options_.proxy->user) {
    request.headers.add("Proxy-Authorization", std::string(options_.proxy->authorization().view()));
  }
  auto text = request_text(request, host_field_);
  if (text && is_forwarded) text->insert(request.method.size() + 1, "http://" + host_field_);
  if (!text) co_return failure(Kind::kConnect, text.error());
  const bool is_pooled = kind == Connection::kPooled;
  Slots::Slot slot;
  if (is_pooled) {
    auto given = co_await wait_for_slot(deadline);
    if (!given) co_return tl::unexpected(std::move(given.error()));
    slot = std::move(*given);
  }
  Lease lease(shared_from_this(), std::move(slot));
  if (is_pooled && request.repeatable) lease.use(take_idle());
  for (;;) {
    if (closed_) co_return failure(Kind::kClosed, "the client was closed");
    if (clock::Steady::now() >= deadline) {
      co_return failure(Kind::kTimeout, "the deadline passed before the request was sent");
    }
    const bool is_reused = static_cast<bool>(lease);
    if (!is_reused) {
      lease.use(std::make_shared<ClientConnection>(executor_, peer_, tls_, kind));
      auto connected = co_await connect(lease, deadline);
      if (!connected) co_return tl::unexpected(std::move(connected.error()));
    }
    lease->expire_at(deadline);
    auto answered = co_await lease->exchange(*text, request.method == "HEAD");
    if (answered) co_return Result<Lease>(std::move(lease));
    const bool is_stale =
        is_reused && !lease->was_answered() &&
        (answered.error().kind == Kind::kBroken || answered.error().kind == Kind::kTls);
    if (!is_stale) co_return tl::unexpected(std::move(answered.error()));
    lease.drop_connection();
  }
}

asio::awaitable<Result<Response>> Client::Impl::send(async::KeptAlive, Request request,
                                                     TimePoint deadline) {
  auto exchanged = co_await exchange(std::move(request), deadline, Connection::kPooled);
  if (!exchanged) co_return tl::unexpected(std::move(exchanged.error()));
  Lease lease = std::move(*exchanged);
  const std::size_t cap = options_.body_bytes;
  const auto too_large = [this, cap] {
    return failure(Kind::kTooLarge, fmt::format("the answer is larger than {} bytes", cap));
  };
  Response response;
  response.status = lease->answer().status();
  response.headers = std::move(lease->answer().headers());
  const auto length = lease->answer().content_length();
  for (;;) {
    const auto event = co_await lease->next_event();
    if (!event) co_return tl::unexpected(event.error());
    if (*event == ResponseParser::Step::kEnd) break;
    const std::string_view piece = lease->answer().piece();
    if (length.value_or(0) > cap || piece.size() > cap - response.body.size()) {
      co_return too_large();
    }
    if (length && response.body.empty()) response.body.reserve(*length);
    crypto::append_wiping(response.body, piece);
  }
  lease.finish();
  co_return response;
}

asio::awaitable<Result<std::unique_ptr<ResponseStream>>> Client::Impl::open(async::KeptAlive,
                                                                            Request request,
                                                                            TimePoint deadline,
                                                                            Connection kind) {
  auto exchanged = co_await exchange(std::move(request), deadline, kind);
  if (!exchanged) co_return tl::unexpected(std::move(exchanged.error()));
  co_return std::make_unique<Stream>(std::move(*exchanged));
}

std::optional<ClientConnection::Tunnel> Client::Impl::tunnel() const {
  if (!options_.proxy) return std::nullopt;
  ClientConnection::Tunnel tunnel{proxy_tls_, {}};
  if (!is_tls()) return tunnel;
  const std::string server = host_and_port(options_.host, options_.port);
  tunnel.request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", server);
  if (options_.proxy->user) {
    tunnel.request +=
        fmt::format("Proxy-Authorization: {}\r\n", options_.proxy->authorization().view());
  }
  tunnel.request += "\r\n";
  return tunnel;
}

void Client::Impl::set_tls(const ClientTls& tls) {
  tls_problem_.clear();
  const auto context_for = [this](const ClientTls& settings, const std::string& host) {
    auto context = ClientTlsContext::create(settings, host);
    if (!context) tls_problem_ = context.error();
    return context ? *context : nullptr;
  };
  if (is_tls()) tls_ = context_for(tls, options_.host);
  if (options_.proxy && options_.proxy->tls) {
    ClientTls of_proxy;
    of_proxy.ca_pem = tls.ca_pem;
    of_proxy.insecure_skip_verify = tls.insecure_skip_verify;
    proxy_tls_ = context_for(of_proxy, options_.proxy->host);
  }
  idle_.clear();
}

void Client::Impl::close() {
  if (std::exchange(closed_, true)) return;
  for (ClientConnection* connection : leased_) connection->abort(Kind::kClosed);
  slots_.close();
  if (lookup_) Sleeper::wake_all(lookup_->waiting);
  resolver_.cancel();
  idle_.clear();
}

Client::Client(asio::any_io_executor executor, ClientOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options))) {}

Client::~Client() {
  impl_->close();
}

asio::awaitable<Result<Response>> Client::send(Request request, TimePoint deadline) {
  return impl_->send(impl_, std::move(request), deadline);
}

asio::awaitable<Result<std::unique_ptr<ResponseStream>>> Client::open(Request request,
                                                                      TimePoint deadline,
                                                                      Connection connection) {
  return impl_->open(impl_, std::move(request), deadline, connection);
}

void Client::set_tls(ClientTls tls) {
  impl_->set_tls(tls);
}

void Client::close() {
  impl_->close();
}

}  // namespace receiver::http
