#pragma once

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "http/client.h"
#include "test/support/scripted_server.h"
#include "test/support/test_certificates.h"

namespace receiver::http {

using test::CertificateSpec;
using test::Peer;
using test::ScriptedServer;
using test::ServerIdentity;
using test::TestAuthority;
using test::TestIdentity;
using namespace std::chrono_literals;

using Connection = Client::Connection;

inline constexpr std::string_view kOkHead = "HTTP/1.1 200 OK\r\n";

/// Synchronizes the scripts of several connections with the test.
class Gate {
 public:
  void open() { opened_.set_value(); }
  void wait() const { future_.wait(); }

 private:
  std::promise<void> opened_;
  std::shared_future<void> future_ = opened_.get_future().share();
};

inline Request make_request(std::string method, std::string target, Headers headers = {},
                            std::string body = {}) {
  return {std::move(method), std::move(target), std::move(headers), std::move(body)};
}

/// A call in progress on the fixture's thread.
template <typename T>
class Pending {
 public:
  [[nodiscard]] bool is_done() const { return state_->has_value(); }
  [[nodiscard]] T& value() const { return **state_; }

 private:
  friend class ClientFixture;
  std::shared_ptr<std::optional<T>> state_ = std::make_shared<std::optional<T>>();
};

/// A client and its thread: the test's own, which runs while the test awaits.
class ClientFixture {
 public:
  static constexpr std::chrono::seconds kLongest{30};  ///< far longer than any wait of a test

  explicit ClientFixture(ClientOptions options)
      : client_(std::in_place, io_.get_executor(), options) {}
  explicit ClientFixture(const ScriptedServer& server) : ClientFixture(plain(server)) {}

  static ClientOptions plain(const ScriptedServer& server) {
    ClientOptions options;
    options.scheme = "http";
    options.host = server.address();
    options.port = server.port();
    return options;
  }
  static ClientOptions tls(const ScriptedServer& server, std::string ca_pem) {
    ClientOptions options = plain(server);
    options.scheme = "https";
    options.tls.ca_pem = std::move(ca_pem);
    return options;
  }
  static std::chrono::steady_clock::time_point in(std::chrono::milliseconds time) {
    return std::chrono::steady_clock::now() + time;
  }

  Client& client() { return *client_; }
  boost::asio::io_context& io() { return io_; }
  void destroy_client() { client_.reset(); }

  template <typename T>
  Pending<T> start(boost::asio::awaitable<T> call) {
    Pending<T> pending;
    boost::asio::co_spawn(io_, std::move(call),
                          [state = pending.state_](std::exception_ptr thrown, T value) {
                            if (thrown) std::rethrow_exception(thrown);
                            state->emplace(std::move(value));
                          });
    return pending;
  }
  template <typename Condition>
  void run_until(Condition holds) {
    const auto end = in(kLongest);
    while (!holds()) {
      if (std::chrono::steady_clock::now() >= end) throw std::runtime_error("took too long");
      io_.restart();
      io_.run_one_for(1ms);
    }
  }
  template <typename T>
  T finish(const Pending<T>& pending) {
    run_until([&] { return pending.is_done(); });
    return std::move(pending.value());
  }
  template <typename T>
  T await(boost::asio::awaitable<T> call) {
    return finish(start(std::move(call)));
  }

  using Answered = Result<Response>;
  using Opened = Result<std::unique_ptr<ResponseStream>>;

  Answered send(Request request, std::chrono::milliseconds time = kLongest) {
    return await(client_->send(std::move(request), in(time)));
  }
  Answered get(std::string target = "/", std::chrono::milliseconds time = kLongest) {
    return send(make_request("GET", std::move(target)), time);
  }
  Pending<Answered> start_get(std::string target = "/", std::chrono::milliseconds time = kLongest) {
    return start(client_->send(make_request("GET", std::move(target)), in(time)));
  }
  Opened open(Connection connection = Connection::kPooled,
              std::chrono::milliseconds time = kLongest) {
    return await(client_->open(make_request("GET", "/"), in(time), connection));
  }
  Result<std::string> next(ResponseStream& stream, std::chrono::milliseconds idle = kLongest) {
    auto piece = await(stream.next(idle));
    if (!piece) return tl::unexpected(piece.error());
    return std::string(*piece);
  }

 private:
  boost::asio::io_context io_{1};
  std::optional<Client> client_;
};

inline std::string kind_name(ClientError::Kind kind) {
  switch (kind) {
    case ClientError::Kind::kConnect:
      return "connect";
    case ClientError::Kind::kTls:
      return "tls";
    case ClientError::Kind::kTimeout:
      return "timeout";
    case ClientError::Kind::kBroken:
      return "broken";
    case ClientError::Kind::kTooLarge:
      return "too large";
    case ClientError::Kind::kClosed:
      return "closed";
  }
  return "?";
}

/// "ok", or the kind of the error, for comparisons.
template <typename T>
std::string outcome(const Result<T>& result) {
  return result ? "ok" : kind_name(result.error().kind);
}

}  // namespace receiver::http
