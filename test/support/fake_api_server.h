#pragma once

#include <cstddef>
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

namespace receiver::test {

struct ApiRequest {
  std::string method;
  std::string target;
  std::string body;
  std::string head{};  ///< request line and headers, as sent

  [[nodiscard]] std::string header(const std::string& name) const {
    const auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const auto start = at + name.size() + 4;
    return head.substr(start, head.find("\r\n", start) - start);
  }
};

struct ApiAnswer {
  int status = 200;
  std::string body = "{}";
  bool lost = false;  ///< the connection is closed instead
};

/// A Status object of the API server.
inline ApiAnswer refusal(int status, const std::string& reason) {
  return {status, fmt::format(R"({{"kind":"Status","code":{},"reason":"{}","message":"{}"}})",
                              status, reason, reason)};
}
/// RBAC's answer for a missing permission.
inline ApiAnswer missing_permission() {
  return {403, R"({"kind":"Status","code":403,"reason":"Forbidden","message":)"
               R"("x is forbidden: User \"r\" cannot write resource \"x\" in API group \"\""})"};
}

/// A plain HTTP server on loopback, on the test's own thread. A handler answers each request at
/// once; a script answers at any time, also in pieces. (For arbitrary bytes, TLS, and its own
/// thread: scripted_server.h.)
class FakeApiServer {
  using tcp = boost::asio::ip::tcp;

  /// One write at a time; the client may read slowly.
  struct Connection : std::enable_shared_from_this<Connection> {
    explicit Connection(tcp::socket accepted) : socket(std::move(accepted)) {}

    void write(const std::string& text) {
      unsent += text;
      if (on_its_way.empty()) go_on();
    }
    void close_when_said() {
      closes = true;
      if (on_its_way.empty()) go_on();
    }
    void go_on() {
      boost::system::error_code ignored;  // the client is gone
      if (unsent.empty() && closes) socket.close(ignored);
      if (unsent.empty() || !socket.is_open()) return;
      on_its_way = std::exchange(unsent, {});
      boost::asio::async_write(
          socket, boost::asio::buffer(on_its_way),
          [self = this->shared_from_this()](boost::system::error_code, std::size_t) {
            self->on_its_way.clear();
            self->go_on();
          });
    }

    tcp::socket socket;
    std::string unsent, on_its_way;
    bool closes = false;
  };

 public:
  using Handler = std::function<ApiAnswer(const ApiRequest&)>;

  /// A request and its answer.
  class Exchange {
   public:
    Exchange(ApiRequest request, std::shared_ptr<Connection> connection)
        : request_(std::move(request)), connection_(std::move(connection)) {}

    [[nodiscard]] const ApiRequest& request() const { return request_; }
    [[nodiscard]] const std::string& target() const { return request_.target; }
    [[nodiscard]] bool is_watch() const { return target().find("watch=true") != std::string::npos; }
    /// The connection was closed by the client.
    [[nodiscard]] bool abandoned() const { return abandoned_; }

    /// Sends this text, whatever it is.
    void write(const std::string& text) { connection_->write(text); }
    /// Sends a complete answer.
    void answer(int status, const std::string& body, const std::string& headers = {}) {
      connection_->write(fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n{}\r\n{}", status,
                                     body.size(), headers, body));
    }
    /// Sends the header of an answer that follows in pieces.
    void begin() { connection_->write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); }
    void piece(const std::string& text) {
      connection_->write(fmt::format("{:x}\r\n{}\r\n", text.size(), text));
    }
    void end() { connection_->write("0\r\n\r\n"); }
    /// Closes the connection after what was written.
    void lose() { connection_->close_when_said(); }

   private:
    friend class FakeApiServer;
    ApiRequest request_;
    std::shared_ptr<Connection> connection_;
    bool abandoned_ = false;
  };
  using ExchangePtr = std::shared_ptr<Exchange>;
  using Script = std::function<void(const ExchangePtr&)>;

  FakeApiServer(boost::asio::io_context& context, Script script)
      : state_(std::make_shared<State>(context, std::move(script))) {
    listen();
  }
  FakeApiServer(boost::asio::io_context& context, Handler handler)
      : FakeApiServer(context, Script([handler = std::move(handler)](const ExchangePtr& exchange) {
                        const ApiAnswer answer = handler(exchange->request_);
                        if (answer.lost) return exchange->lose();
                        exchange->answer(answer.status, answer.body,
                                         "Content-Type: application/json\r\n");
                      })) {}
  ~FakeApiServer() { shut_down(); }
  FakeApiServer(const FakeApiServer&) = delete;
  FakeApiServer& operator=(const FakeApiServer&) = delete;

  [[nodiscard]] unsigned short port() const { return state_->port; }
  void set_script(Script script) { state_->script = std::move(script); }
  [[nodiscard]] const std::vector<ApiRequest>& requests() const { return state_->requests; }
  [[nodiscard]] const std::vector<ExchangePtr>& exchanges() const { return state_->exchanges; }

  /// From now on it answers nothing: open and new connections hang.
  void hang() { state_->hanging = true; }
  /// As if killed: nothing listens, all connections are closed.
  void shut_down() {
    boost::system::error_code ignored;
    state_->acceptor.close(ignored);
    for (const auto& connection : state_->connections) {
      if (const auto held = connection.lock()) held->socket.close(ignored);
    }
    state_->connections.clear();
  }
  /// Listens again on the same port.
  void start_again() { listen(); }

  /// A client of this server.
  [[nodiscard]] std::unique_ptr<kube::RestClient> client(boost::asio::io_context& context,
                                                         kube::RestOptions options = {}) const {
    kube::Config config;
    config.scheme = "http";
    config.host = "127.0.0.1";
    config.port = state_->port;
    auto created = kube::RestClient::create(context.get_executor(), config, std::move(options),
                                            log::Logger::none());
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
    bool hanging = false;
    std::vector<ApiRequest> requests;
    std::vector<ExchangePtr> exchanges;
    std::vector<std::weak_ptr<Connection>> connections;
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
      // A piece must not wait for the acknowledgement of the one before.
      accepted.set_option(tcp::no_delay(true));
      auto connection = std::make_shared<Connection>(std::move(accepted));
      state->connections.push_back(connection);
      boost::asio::co_spawn(state->acceptor.get_executor(), serve(state, std::move(connection)),
                            boost::asio::detached);
    }
  }

  static boost::asio::awaitable<void> serve(std::shared_ptr<State> state,
                                            std::shared_ptr<Connection> connection) {
    std::string buffer;
    ExchangePtr exchange;
    while (true) {
      boost::system::error_code failed;
      auto token = boost::asio::redirect_error(boost::asio::use_awaitable, failed);
      const std::size_t end = co_await boost::asio::async_read_until(
          connection->socket, boost::asio::dynamic_buffer(buffer), "\r\n\r\n", token);
      const std::string head = buffer.substr(0, end);
      buffer.erase(0, end);
      std::size_t size = 0;
      if (const auto at = head.find("Content-Length: "); at != std::string::npos) {
        size = std::stoul(head.substr(at + 16));
      }
      if (!failed && buffer.size() < size) {
        co_await boost::asio::async_read(connection->socket, boost::asio::dynamic_buffer(buffer),
                                         boost::asio::transfer_exactly(size - buffer.size()),
                                         token);
      }
      if (failed) {
        if (exchange) exchange->abandoned_ = true;
        co_return;
      }
      const auto first = head.find(' ') + 1;
      ApiRequest request{head.substr(0, first - 1),
                         head.substr(first, head.find(' ', first) - first), buffer.substr(0, size),
                         head};
      buffer.erase(0, size);
      if (state->hanging) continue;
      state->requests.push_back(request);
      exchange = std::make_shared<Exchange>(std::move(request), connection);
      state->exchanges.push_back(exchange);
      state->script(exchange);
    }
  }

  std::shared_ptr<State> state_;
};

}  // namespace receiver::test
