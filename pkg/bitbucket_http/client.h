#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "bitbucket_rest/operation.h"
#include "crypto/crypto.h"
#include "http/proxy.h"

namespace receiver::bitbucket_http {

struct ClientOptions {
  /// `https://HOST[:PORT][/CONTEXT]`, equal to Repository::server of all questions.
  std::string server{};
  std::string ca_pem{};  ///< trusted instead of the system's CAs; empty: the system's
  crypto::SecretString
      authorization{};  ///< value of the header, from bitbucket_rest::authorization()
  http::ProxySettings proxy{};
  std::string user_agent{};
  std::size_t connections = 4;  ///< open at the same time; further requests wait in order
  std::size_t waiting = 100;    ///< waiting requests; further ones fail at once
  std::chrono::milliseconds idle_time{30'000};  ///< idle connections are closed after this time
  std::size_t body_bytes = 2UL * 1024 * 1024;   ///< limit of one answer; a larger one is an error
};

/// Waits until the next request may be sent, and returns its deadline; nothing: do not send it.
using Before =
    std::function<boost::asio::awaitable<std::optional<std::chrono::steady_clock::time_point>>()>;

/// Asks one Bitbucket with one token: the operator's driver of operations, with coroutines. It
/// always verifies the server's certificate and follows no redirects. The token goes to that server
/// only and is in no error. All members run on the executor's single thread (or strand).
class Client {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// The error is about the server's URL or the CA certificates, for people.
  [[nodiscard]] static tl::expected<std::unique_ptr<Client>, std::string> create(
      boost::asio::any_io_executor executor, ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Runs the operation to its end. At the deadline, or when the client is destroyed, it ends with
  /// an error. The operation must outlive the call; the client need not.
  boost::asio::awaitable<void> run(bitbucket_rest::Operation& operation, TimePoint deadline);
  /// The same, with `before` ahead of each request. If a request must not be sent, the operation
  /// ends with an error.
  boost::asio::awaitable<void> run(bitbucket_rest::Operation& operation, Before before);

 private:
  class Impl;
  explicit Client(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::bitbucket_http
