#include "http/server.h"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "async/kept_alive.h"
#include "async/sleeper.h"
#include "clock/timer.h"
#include "http/connection.h"
#include "http/response_text.h"
#include "http/server_tls.h"
#include "log/end_on_exception.h"

namespace receiver::http {

namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;
using boost::system::error_code;

/// Wait after a failed accept, for example at the limit of descriptors: long enough not to spin,
/// short enough not to be noticed.
constexpr std::chrono::milliseconds kAcceptBackoff{50};
constexpr std::chrono::milliseconds kDrainPoll{5};

/// How often deadlines are checked: a deadline fires at most this late, and requests need no
/// timers.
std::chrono::milliseconds sweep_interval(const ServerLimits& limits) {
  const auto shortest = std::min({limits.handshake_time, limits.header_time, limits.body_time,
                                  limits.idle_time, limits.write_time, limits.linger_time});
  return std::clamp(shortest / 8, std::chrono::milliseconds(5), std::chrono::milliseconds(250));
}

}  // namespace

Response answer_for(BodyError error, const ServerLimits& limits) {
  Response response;
  switch (error) {
    case BodyError::kTooLarge:
      response =
          error_response(413, fmt::format("content exceeds limit of {} bytes", limits.body_bytes));
      break;
    case BodyError::kTooSlow:
      response = error_response(408, "request body not received in time");
      break;
    case BodyError::kNoRoom:
      response = overloaded_response();
      break;
    case BodyError::kMalformed:
      response = error_response(400, "malformed request body");
      break;
    case BodyError::kPeerClosed:
      response = error_response(400, "request body is incomplete");
      break;
  }
  response.close = true;
  return response;
}

class Server::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, ServerOptions options, Handler handler, log::Logger logger)
      : io_(io),
        strand_(asio::make_strand(io)),
        acceptor_(strand_),
        accept_timer_(strand_),
        sweep_timer_(strand_),
        context_(std::make_shared<ServerContext>(std::move(options), std::move(handler),
                                                 std::move(logger))) {
    if (context_->options.tls) tls_files_.emplace(*context_->options.tls);
  }

  tl::expected<unsigned short, std::string> start();
  awaitable<void> drain(async::KeptAlive, clock::Steady::time_point deadline);
  void stop();

  [[nodiscard]] const ServerCounters& counters() const { return context_->counters; }
  [[nodiscard]] std::optional<clock::Wall::time_point> certificate_expiry() const {
    const auto expiry = certificate_expiry_.load();
    return expiry == clock::Wall::time_point() ? std::nullopt : std::optional(expiry);
  }

 private:
  tl::expected<unsigned short, std::string> listen();
  awaitable<void> accept_loop(async::KeptAlive);
  void admit(Connection::Socket socket);
  void close_listener();
  /// Watches deadlines and certificate files.
  awaitable<void> sweep_loop(async::KeptAlive);
  void reload_certificate();
  void use_certificate(std::shared_ptr<const ServerTlsContext> context);

  asio::io_context& io_;
  Connection::Strand strand_;  ///< for everything in this class except start()
  tcp::acceptor acceptor_;
  clock::Timer accept_timer_, sweep_timer_;
  std::optional<ServerTlsFiles> tls_files_;
  std::shared_ptr<const ServerTlsContext> tls_;  ///< for new connections; null: plain
  bool stopped_ = false;
  std::atomic<clock::Wall::time_point> certificate_expiry_{clock::Wall::time_point()};
  const std::shared_ptr<ServerContext> context_;
};

tl::expected<unsigned short, std::string> Server::Impl::start() {
  if (tls_files_) {
    auto loaded = tls_files_->poll();
    if (!*loaded) return tl::unexpected("TLS: " + loaded->error());
    use_certificate(std::move(**loaded));
  }
  const auto port = listen();
  if (port) {
    context_->logger.info("listening",
                          {{"address", acceptor_.local_endpoint().address().to_string()},
                           {"port", *port},
                           {"tls", tls_ != nullptr}});
    const log::Logger& logger = context_->logger;
    asio::co_spawn(strand_, accept_loop(shared_from_this()),
                   log::EndOnException{logger, "the accept loop"});
    asio::co_spawn(strand_, sweep_loop(shared_from_this()),
                   log::EndOnException{logger, "the timer of deadlines and certificates"});
  }
  return port;
}

tl::expected<unsigned short, std::string> Server::Impl::listen() {
  const ServerOptions& options = context_->options;
  error_code ec;
  const auto address = asio::ip::make_address(options.address, ec);
  if (ec) {
    return tl::unexpected(
        fmt::format("cannot listen on \"{}\": not an IP address", options.address));
  }
  const auto listen_on = [&](const asio::ip::address& local) {
    const tcp::endpoint endpoint(local, options.port);
    error_code failure;
    acceptor_.open(endpoint.protocol(), failure);
    // `::` includes IPv4, whatever the kernel's default is.
    if (!failure && local.is_v6()) acceptor_.set_option(asio::ip::v6_only(false), failure);
    if (!failure) acceptor_.set_option(tcp::acceptor::reuse_address(true), failure);
    if (!failure) acceptor_.bind(endpoint, failure);
    if (!failure) acceptor_.listen(tcp::acceptor::max_listen_connections, failure);
    error_code ignored;
    if (failure) acceptor_.close(ignored);
    return failure;
  };
  ec = listen_on(address);
  if (ec == asio::error::address_family_not_supported && address.is_v6() &&
      address.is_unspecified()) {
    ec = listen_on(asio::ip::address_v4::any());
  }
  if (ec) {
    return tl::unexpected(fmt::format("cannot listen on {} port {}: {}", options.address,
                                      options.port, ec.message()));
  }
  return acceptor_.local_endpoint().port();
}

awaitable<void> Server::Impl::accept_loop(async::KeptAlive) {
  ServerContext& context = *context_;
  while (acceptor_.is_open()) {
    error_code ec;
    const Connection::Strand strand = asio::make_strand(io_);
    Connection::Socket socket =
        co_await acceptor_.async_accept(strand, asio::redirect_error(asio::use_awaitable, ec));
    if (context.draining.load() || ec == asio::error::operation_aborted) continue;
    if (!ec) {
      context.counters.accepted.fetch_add(1, std::memory_order_relaxed);
      admit(std::move(socket));
      continue;
    }
    context.counters.accept_failures.fetch_add(1, std::memory_order_relaxed);
    if (const auto held_back = context.accept_failures.admit()) {
      context.logger.warn("cannot accept connections",
                          {{"error", ec.message()}, {"suppressed", *held_back}});
    }
    // Most likely there is no free descriptor. When a connection is actually waiting, an idle one
    // is closed.
    co_await acceptor_.async_wait(tcp::acceptor::wait_read,
                                  asio::redirect_error(asio::use_awaitable, ec));
    if (context.connections.displace_idle()) {
      context.counters.gave_way.fetch_add(1, std::memory_order_relaxed);
    }
    co_await async::sleep_until(accept_timer_, clock::Steady::now() + kAcceptBackoff);
  }
}

void Server::Impl::admit(Connection::Socket socket) {
  ServerCounters& counters = context_->counters;
  const ConnectionTable::Room room = context_->connections.make_room();
  if (room.displaced) counters.gave_way.fetch_add(1, std::memory_order_relaxed);
  if (room.admission == ConnectionTable::Admission::kClosed) {
    counters.refused_connections.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const auto executor = socket.get_executor();
  const auto connection =
      std::make_shared<Connection>(context_, std::move(socket), tls_, room.admission);
  // An exception (no memory) ends only this connection.
  asio::co_spawn(executor, connection->run(connection), asio::detached);
}

awaitable<void> Server::Impl::sweep_loop(async::KeptAlive) {
  const auto interval = sweep_interval(context_->options.limits);
  auto reload_at = clock::Steady::now();
  while (!stopped_) {
    const auto now = clock::Steady::now();
    context_->connections.expire(now);
    if (tls_files_ && now >= reload_at) {
      reload_certificate();
      reload_at = now + context_->options.tls->reload_interval;
    }
    co_await async::sleep_until(sweep_timer_, clock::Steady::now() + interval);
  }
}

void Server::Impl::reload_certificate() {
  auto loaded = tls_files_->poll();
  if (!loaded) return;
  if (!*loaded) {
    context_->counters.tls_reload_failures.fetch_add(1, std::memory_order_relaxed);
    context_->logger.error(
        "cannot use the changed certificate; the old one stays in use",
        {{"error", loaded->error()}, {"old_expires", clock::format_seconds(tls_->expiry())}});
    return;
  }
  use_certificate(std::move(**loaded));
  context_->counters.tls_reloads.fetch_add(1, std::memory_order_relaxed);
  context_->logger.info("certificate reloaded",
                        {{"expires", clock::format_seconds(tls_->expiry())}});
}

void Server::Impl::use_certificate(std::shared_ptr<const ServerTlsContext> context) {
  tls_ = std::move(context);
  certificate_expiry_.store(tls_->expiry());
  if (tls_->expiry() <= clock::Wall::now()) {
    context_->logger.warn("the certificate has expired: senders will reject it",
                          {{"file", context_->options.tls->certificate_path},
                           {"expired", clock::format_seconds(tls_->expiry())}});
  }
}

void Server::Impl::close_listener() {
  asio::post(strand_, [this, alive = shared_from_this()] {
    error_code ignored;
    acceptor_.close(ignored);
    accept_timer_.cancel();
  });
}

awaitable<void> Server::Impl::drain(async::KeptAlive, clock::Steady::time_point deadline) {
  context_->draining.store(true);
  close_listener();
  context_->connections.close_idle();
  clock::Timer timer(co_await asio::this_coro::executor);
  while (!context_->connections.empty() && clock::Steady::now() < deadline) {
    co_await async::sleep_until(timer, std::min(deadline, clock::Steady::now() + kDrainPoll));
  }
  stop();
}

void Server::Impl::stop() {
  context_->draining.store(true);
  close_listener();
  context_->connections.cut_all();
  asio::post(strand_, [this, alive = shared_from_this()] {
    stopped_ = true;
    sweep_timer_.cancel();
  });
}

Server::Server(asio::io_context& io, ServerOptions options, Handler handler, log::Logger logger)
    : impl_(std::make_shared<Impl>(io, std::move(options), std::move(handler), std::move(logger))) {
}

Server::~Server() {
  impl_->stop();
}

tl::expected<unsigned short, std::string> Server::start() {
  return impl_->start();
}

awaitable<void> Server::drain(clock::Steady::time_point deadline) {
  return impl_->drain(impl_, deadline);
}

const ServerCounters& Server::counters() const {
  return impl_->counters();
}

std::optional<clock::Wall::time_point> Server::certificate_expiry() const {
  return impl_->certificate_expiry();
}

}  // namespace receiver::http
