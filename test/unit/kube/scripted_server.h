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
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "kube/rest.h"

namespace receiver::kube::test {

/// A plain HTTP server on the loopback whose answers the test writes as it likes, piece by piece,
/// at once or later. On the test's own thread.
class ScriptedServer {
 public:
  using tcp = boost::asio::ip::tcp;

  /// One request and the way to answer it.
  class Exchange {
   public:
    Exchange(std::string target, std::shared_ptr<tcp::socket> socket)
        : target_(std::move(target)), socket_(std::move(socket)) {}

    [[nodiscard]] const std::string& target() const { return target_; }
    [[nodiscard]] bool is_watch() const { return target_.find("watch=true") != std::string::npos; }
    /// The connection was closed by the client.
    [[nodiscard]] bool abandoned() const { return abandoned_; }

    /// A whole answer.
    void answer(int status, const std::string& body, const std::string& headers = {}) {
      write(fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(),
                        headers, body));
    }
    /// The head of an answer that goes on piece by piece.
    void begin() { write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); }
    void piece(const std::string& text) { write(fmt::format("{:x}\r\n{}\r\n", text.size(), text)); }
    void end() { write("0\r\n\r\n"); }
    /// The connection breaks.
    void lose() {
      boost::system::error_code ignored;
      socket_->close(ignored);
    }

   private:
    friend class ScriptedServer;
    void write(const std::string& text) {
      boost::system::error_code ignored;  // who has gone is not answered
      boost::asio::write(*socket_, boost::asio::buffer(text), ignored);
    }

    std::string target_;
    std::shared_ptr<tcp::socket> socket_;
    bool abandoned_ = false;
  };
  using ExchangePtr = std::shared_ptr<Exchange>;
  using Script = std::function<void(const ExchangePtr&)>;

  ScriptedServer(boost::asio::io_context& context, Script script)
      : state_(std::make_shared<State>(context, std::move(script))) {
    listen();
  }
  ~ScriptedServer() { shut_down(); }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  void set_script(Script script) { state_->script = std::move(script); }
  [[nodiscard]] const std::vector<ExchangePtr>& exchanges() const { return state_->exchanges; }

  /// As killed: nothing listens, all connections break.
  void shut_down() {
    boost::system::error_code ignored;
    state_->acceptor.close(ignored);
    for (const auto& socket : state_->sockets) {
      if (const auto held = socket.lock()) held->close(ignored);
    }
    state_->sockets.clear();
  }
  /// Again on the same port.
  void start_again() { listen(); }

  /// A client of this server.
  [[nodiscard]] std::unique_ptr<RestClient> client(boost::asio::io_context& context,
                                                   RestOptions options = {}) const {
    Config config;
    config.scheme = "http";
    config.host = "127.0.0.1";
    config.port = state_->port;
    auto created =
        RestClient::create(context.get_executor(), config, std::move(options), log::Logger::none());
    if (!created) throw std::runtime_error(created.error());
    return std::move(*created);
  }

 private:
  struct State {
    State(boost::asio::io_context& context, Script chosen)
        : reservation(context), acceptor(context), script(std::move(chosen)) {
      reservation.open(tcp::v4());
      reservation.set_option(tcp::socket::reuse_address(true));
      reservation.bind({boost::asio::ip::address_v4::loopback(), 0});
      port = reservation.local_endpoint().port();
    }
    tcp::socket reservation;  ///< bound, so that nobody else gets the port between two starts
    tcp::acceptor acceptor;
    unsigned short port = 0;
    Script script;
    std::vector<ExchangePtr> exchanges;
    std::vector<std::weak_ptr<tcp::socket>> sockets;
  };

  void listen() {
    const tcp::endpoint endpoint(boost::asio::ip::address_v4::loopback(), state_->port);
    state_->acceptor.open(endpoint.protocol());
    state_->acceptor.set_option(tcp::acceptor::reuse_address(true));
    state_->acceptor.bind(endpoint);
    state_->acceptor.listen();
    boost::asio::co_spawn(state_->acceptor.get_executor(), accept(state_), boost::asio::detached);
  }

  static boost::asio::awaitable<void> accept(std::shared_ptr<State> state) {
    for (;;) {
      boost::system::error_code failed;
      auto token = boost::asio::redirect_error(boost::asio::use_awaitable, failed);
      auto accepted = co_await state->acceptor.async_accept(token);
      if (failed) co_return;
      auto socket = std::make_shared<tcp::socket>(std::move(accepted));
      state->sockets.push_back(socket);
      boost::asio::co_spawn(state->acceptor.get_executor(), serve(state, std::move(socket)),
                            boost::asio::detached);
    }
  }

  static boost::asio::awaitable<void> serve(std::shared_ptr<State> state,
                                            std::shared_ptr<tcp::socket> socket) {
    std::string buffer;
    ExchangePtr exchange;
    while (true) {
      boost::system::error_code failed;
      auto token = boost::asio::redirect_error(boost::asio::use_awaitable, failed);
      const std::size_t end = co_await boost::asio::async_read_until(
          *socket, boost::asio::dynamic_buffer(buffer), "\r\n\r\n", token);
      if (failed) {
        if (exchange) exchange->abandoned_ = true;
        co_return;
      }
      const auto first = buffer.find(' ') + 1;
      exchange =
          std::make_shared<Exchange>(buffer.substr(first, buffer.find(' ', first) - first), socket);
      buffer.erase(0, end);
      state->exchanges.push_back(exchange);
      state->script(exchange);
    }
  }

  std::shared_ptr<State> state_;
};

}  // namespace receiver::kube::test
