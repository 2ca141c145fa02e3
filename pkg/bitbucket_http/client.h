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
  /// `https://HOST[:PORT][/CONTEXT]`: Repository::server of all that it is asked for.
  std::string server{};
  std::string ca_pem{};                  ///< trusted instead of the system's; empty: those
  crypto::SecretString authorization{};  ///< the header's value, of bitbucket_rest::authorization()
  http::ProxySettings proxy{};
  std::string user_agent{};
  std::size_t connections = 4;                  ///< at once; further requests wait in order
  std::size_t waiting = 100;                    ///< requests that wait; further ones fail at once
  std::chrono::milliseconds idle_time{30'000};  ///< a connection idle for longer is closed
  std::size_t body_bytes = 2UL * 1024 * 1024;   ///< of one answer; longer ones are none
};

/// Waits until the next request may be sent, and gives its deadline; nothing: it is not to be sent.
using Before =
    std::function<boost::asio::awaitable<std::optional<std::chrono::steady_clock::time_point>>()>;

/// Asks one Bitbucket with one token: the driver of operations in the operator, by coroutines. The
/// server's certificate is verified always; redirects are not followed; the token is sent to that
/// server alone, and is in no error. All members run on the executor's single thread (or strand).
class Client {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// The error is about the server's URL or the authorities, for people.
  [[nodiscard]] static tl::expected<std::unique_ptr<Client>, std::string> create(
      boost::asio::any_io_executor executor, ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Until the operation has ended: after the deadline, or when the client is destroyed, with an
  /// error. The operation outlives the call; the client need not.
  boost::asio::awaitable<void> run(bitbucket_rest::Operation& operation, TimePoint deadline);
  /// The same, each request after `before`; one that is not to be sent ends it with an error.
  boost::asio::awaitable<void> run(bitbucket_rest::Operation& operation, Before before);

 private:
  class Impl;
  explicit Client(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::bitbucket_http
