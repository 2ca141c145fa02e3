#include "test/chaos/hostile.h"

#include <atomic>
#include <chrono>
#include <list>
#include <random>
#include <thread>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "clock/clock.h"
#include "http/client.h"
#include "test/support/delivery.h"

namespace receiver::chaos {

namespace asio = boost::asio;
using asio::use_awaitable;
using asio::ip::tcp;

namespace {

/// Maximum; half of it on average, and not all connections in step.
constexpr std::chrono::milliseconds kBetweenBytes{2'000};
constexpr std::size_t kBadSenders = 32;
constexpr std::chrono::seconds kAnswerPatience{10};
/// After a storm, the test waits this long for its connections.
constexpr std::chrono::milliseconds kIdle{100};

}  // namespace

class SlowConnections::Impl {
 public:
  Impl(unsigned short port, const std::string& path, std::size_t count)
      : operator_(asio::ip::address_v4::loopback(), port),
        begin_("POST " + path + " HTTP/1.1\r\nHost: slow\r\nX-Slow: ") {
    for (std::size_t index = 0; index < count; ++index) asio::co_spawn(io_, stay(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }

  ~Impl() {
    io_.stop();
    thread_.join();
  }

 private:
  asio::awaitable<void> stay() {
    asio::steady_timer timer(io_);
    for (;;) {
      try {
        tcp::socket socket(io_);
        co_await socket.async_connect(operator_, use_awaitable);
        co_await asio::async_write(socket, asio::buffer(begin_), use_awaitable);
        for (;;) {
          timer.expires_after(std::chrono::milliseconds(pause_(random_)));
          co_await timer.async_wait(use_awaitable);
          co_await asio::async_write(socket, asio::buffer("x", 1), use_awaitable);
        }
      } catch (const boost::system::system_error&) {  // closed by the operator
      }
      timer.expires_after(std::chrono::milliseconds(100));
      co_await timer.async_wait(use_awaitable);
    }
  }

  const tcp::endpoint operator_;
  const std::string begin_;
  std::minstd_rand random_{std::random_device{}()};
  std::uniform_int_distribution<std::chrono::milliseconds::rep> pause_{0, kBetweenBytes.count()};
  asio::io_context io_{1};
  std::thread thread_;
};

SlowConnections::SlowConnections(unsigned short port, const std::string& path, std::size_t count)
    : impl_(std::make_unique<Impl>(port, path, count)) {}
SlowConnections::~SlowConnections() = default;

class HeldBodies::Impl {
 public:
  Impl(unsigned short port, const std::string& path, std::size_t count, std::size_t bytes)
      : operator_(asio::ip::address_v4::loopback(), port),
        request_(fmt::format("POST {} HTTP/1.1\r\nHost: held\r\nContent-Length: {}\r\nX-Event-Key: "
                             "repo:push\r\nX-Hub-Signature: sha256={:064}\r\n\r\n{:{}}",
                             path, bytes, 0, "", bytes - 1)) {
    for (std::size_t index = 0; index < count; ++index) {
      asio::co_spawn(io_, hold(sockets_.emplace_back(io_)), asio::detached);
    }
    thread_ = std::thread([this] { io_.run(); });
  }

  ~Impl() { thread_.join(); }

 private:
  /// The socket stays open as long as this object lives.
  asio::awaitable<void> hold(tcp::socket& socket) {
    try {
      co_await socket.async_connect(operator_, use_awaitable);
      co_await asio::async_write(socket, asio::buffer(request_), use_awaitable);
    } catch (const boost::system::system_error&) {  // rejected
    }
  }

  const tcp::endpoint operator_;
  const std::string request_;
  asio::io_context io_{1};
  std::list<tcp::socket> sockets_;
  std::thread thread_;
};

HeldBodies::HeldBodies(unsigned short port, const std::string& path, std::size_t count,
                       std::size_t bytes)
    : impl_(std::make_unique<Impl>(port, path, count, bytes)) {}
HeldBodies::~HeldBodies() = default;

class BadSignatures::Impl {
 public:
  Impl(unsigned short port, const std::string& path, const std::string& repository)
      : client_(io_.get_executor(), options_of(port)) {
    const auto push = test::sign(test::cloud_push(repository, "main"), "not it");
    request_ = {"POST",
                path,
                {{"X-Event-Key", push.event}, {"X-Hub-Signature", push.signature.value()}},
                push.body};
    for (std::size_t sender = 0; sender < kBadSenders; ++sender) {
      asio::co_spawn(io_, send_on(), asio::detached);
    }
    thread_ = std::thread([this] { io_.run(); });
  }

  ~Impl() { stop(); }

  std::size_t stop() {
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
    return refused_;
  }

 private:
  static http::ClientOptions options_of(unsigned short port) {
    http::ClientOptions options;
    options.scheme = "http";
    options.host = "127.0.0.1";
    options.port = port;
    options.connections = kBadSenders;
    options.idle_time = kIdle;
    return options;
  }

  asio::awaitable<void> send_on() {
    while (!stopped_) {
      const auto answer = co_await client_.send(request_, clock::Steady::now() + kAnswerPatience);
      if (answer && answer->status == 401) ++refused_;
    }
  }

  asio::io_context io_{1};
  http::Client client_;
  http::Request request_;
  std::atomic<bool> stopped_{false};
  std::atomic<std::size_t> refused_{0};
  std::thread thread_;
};

BadSignatures::BadSignatures(unsigned short port, const std::string& path,
                             const std::string& repository)
    : impl_(std::make_unique<Impl>(port, path, repository)) {}
BadSignatures::~BadSignatures() = default;

std::size_t BadSignatures::stop() {
  return impl_->stop();
}

}  // namespace receiver::chaos
