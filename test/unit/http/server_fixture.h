#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "http/server.h"
#include "test/support/raw_client.h"

namespace receiver::http {

using test::RawAnswer;
using test::RawClient;
using namespace std::chrono_literals;

constexpr std::chrono::seconds kPatience = RawClient::kPatience;

/// Waits until `holds` is true; false if it stays false.
inline bool eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

/// A server on a free port, with its own threads.
class TestServer {
 public:
  struct Options {
    ServerLimits limits{};
    std::optional<ServerTls> tls{};
    log::Logger logger = log::Logger::none();
    int threads = 1;
  };

  explicit TestServer(Handler handler) : TestServer(std::move(handler), Options{}) {}
  TestServer(Handler handler, Options options)
      : server_(std::in_place, io_,
                ServerOptions{.name = "test",
                              .address = "127.0.0.1",
                              .port = 0,
                              .limits = options.limits,
                              .tls = options.tls},
                std::move(handler), options.logger) {
    const auto port = server_->start();
    if (!port) throw std::runtime_error(port.error());
    port_ = *port;
    for (int i = 0; i < options.threads; ++i) threads_.emplace_back([this] { io_.run(); });
  }
  ~TestServer() {
    server_.reset();
    io_.stop();
    for (auto& thread : threads_) thread.join();
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  [[nodiscard]] unsigned short port() const { return port_; }
  [[nodiscard]] const ServerCounters& counters() const { return server_->counters(); }
  [[nodiscard]] Server& server() { return *server_; }
  [[nodiscard]] boost::asio::io_context& io() { return io_; }

  [[nodiscard]] std::future<void> drain(std::chrono::milliseconds time) {
    return boost::asio::co_spawn(io_, server_->drain(std::chrono::steady_clock::now() + time),
                                 boost::asio::use_future);
  }

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::optional<Server> server_;
  unsigned short port_ = 0;
  std::vector<std::thread> threads_;
};

/// Reads the whole body and returns it, after the target.
inline boost::asio::awaitable<Response> echo(const RequestHead& head, BodyReader& body) {
  std::string text = head.target + ":";
  for (;;) {
    const auto piece = co_await body.next();
    if (!piece) co_return answer_for(piece.error(), ServerLimits{});
    if (piece->empty()) break;
    text += *piece;
  }
  Response response;
  response.body = text;
  co_return response;
}

/// Answers 404 without reading the body.
inline boost::asio::awaitable<Response> unknown(const RequestHead& /*head*/, BodyReader& /*body*/) {
  Response response;
  response.status = 404;
  response.body = "{}\n";
  co_return response;
}

inline std::string get(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n\r\n";
}

inline std::string post(std::string_view target, std::string_view body) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

}  // namespace receiver::http
