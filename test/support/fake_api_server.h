#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "kube/rest.h"

namespace receiver::kube::test {

struct ApiRequest {
  std::string method;
  std::string target;
  std::string body;
};

struct ApiAnswer {
  int status = 200;
  std::string body = "{}";
  bool lost = false;  ///< the connection breaks instead
};

/// A Status object as the API server answers with.
inline ApiAnswer refusal(int status, const std::string& reason) {
  return {status, fmt::format(R"({{"kind":"Status","code":{},"reason":"{}","message":"{}"}})",
                              status, reason, reason)};
}
/// What RBAC answers where a permission is missing.
inline ApiAnswer missing_permission() {
  return {403, R"({"kind":"Status","code":403,"reason":"Forbidden","message":)"
               R"("x is forbidden: User \"r\" cannot write resource \"x\" in API group \"\""})"};
}

/// A plain HTTP server on the loopback, on the test's own thread.
class FakeApiServer {
 public:
  using Handler = std::function<ApiAnswer(const ApiRequest&)>;

  FakeApiServer(boost::asio::io_context& context, Handler handler)
      : state_(std::make_shared<State>(context, std::move(handler))) {
    boost::asio::co_spawn(context, accept(state_), boost::asio::detached);
  }
  ~FakeApiServer() = default;
  FakeApiServer(const FakeApiServer&) = delete;
  FakeApiServer& operator=(const FakeApiServer&) = delete;

  [[nodiscard]] const std::vector<ApiRequest>& requests() const { return state_->requests; }

  /// From now on it answers nothing; connections that are open hang, and so do new ones.
  void hang() { state_->hanging = true; }

  /// A client of this server.
  [[nodiscard]] std::unique_ptr<RestClient> client(boost::asio::io_context& context,
                                                   RestOptions options = {}) {
    Config config;
    config.scheme = "http";
    config.host = "127.0.0.1";
    config.port = state_->acceptor.local_endpoint().port();
    auto created =
        RestClient::create(context.get_executor(), config, std::move(options), log::Logger::none());
    if (!created) throw std::runtime_error(created.error());
    return std::move(*created);
  }

 private:
  using tcp = boost::asio::ip::tcp;

  struct State {
    State(boost::asio::io_context& context, Handler chosen)
        : acceptor(context, {boost::asio::ip::address_v4::loopback(), 0}),
          handler(std::move(chosen)) {}
    tcp::acceptor acceptor;
    Handler handler;
    std::vector<ApiRequest> requests;
    bool hanging = false;
    std::vector<std::shared_ptr<tcp::socket>> hung;
  };

  static boost::asio::awaitable<void> accept(std::shared_ptr<State> state) {
    for (;;) {
      auto socket = std::make_shared<tcp::socket>(
          co_await state->acceptor.async_accept(boost::asio::use_awaitable));
      boost::asio::co_spawn(state->acceptor.get_executor(), serve(state, std::move(socket)),
                            boost::asio::detached);
    }
  }

  static boost::asio::awaitable<void> serve(std::shared_ptr<State> state,
                                            std::shared_ptr<tcp::socket> socket) {
    std::string buffer;
    boost::system::error_code failed;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, failed);
    while (true) {
      const std::size_t end = co_await boost::asio::async_read_until(
          *socket, boost::asio::dynamic_buffer(buffer), "\r\n\r\n", token);
      if (failed) co_return;
      const std::string head = buffer.substr(0, end);
      buffer.erase(0, end);
      std::size_t size = 0;
      if (const auto at = head.find("Content-Length: "); at != std::string::npos) {
        size = std::stoul(head.substr(at + 16));
      }
      if (buffer.size() < size) {
        co_await boost::asio::async_read(*socket, boost::asio::dynamic_buffer(buffer),
                                         boost::asio::transfer_exactly(size - buffer.size()),
                                         token);
      }
      if (failed) co_return;
      const auto space = head.find(' ');
      ApiRequest request{head.substr(0, space),
                         head.substr(space + 1, head.find(' ', space + 1) - space - 1),
                         buffer.substr(0, size)};
      buffer.erase(0, size);
      if (state->hanging) {
        state->hung.push_back(socket);
        co_return;
      }
      state->requests.push_back(request);
      const ApiAnswer answer = state->handler(request);
      if (answer.lost) co_return;
      const std::string text = fmt::format(
          "HTTP/1.1 {} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
          answer.status, answer.body.size(), answer.body);
      co_await boost::asio::async_write(*socket, boost::asio::buffer(text), token);
      if (failed) co_return;
    }
  }

  std::shared_ptr<State> state_;
};

}  // namespace receiver::kube::test
