#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "http/client.h"
#include "kube/config.h"
#include "kube/error.h"
#include "log/logger.h"

namespace receiver::kube {

struct RestOptions {
  std::string user_agent;         ///< name/version (os/arch) commit
  std::size_t connections = 64;   ///< of the pool; watches have their own
  double queries_per_second = 0;  ///< 0: no throttle; watches and urgent requests have none
  int burst = 0;
};

/// What must not wait for its turn behind all others, where there is a throttle, is urgent: a Lease
/// that is renewed too late is lost.
enum class Urgency { kUsual, kUrgent };

/// What the client counts (rest_client_requests_total by method and code is derived by the caller's
/// observer).
using RequestObserver =
    std::function<void(std::string_view method, unsigned status, std::chrono::nanoseconds took)>;

/// The API server's REST interface: authenticates, reads Status objects into ApiErrors, re-reads
/// credentials on 401 and sends once more. All members run on the executor's single thread.
class RestClient {
 public:
  /// The error says which credential could not be read.
  [[nodiscard]] static tl::expected<std::unique_ptr<RestClient>, std::string> create(
      boost::asio::any_io_executor executor, Config config, RestOptions options, log::Logger logger,
      RequestObserver observer = {});
  ~RestClient();  // NOLINT(bugprone-exception-escape): see there
  RestClient(const RestClient&) = delete;
  RestClient& operator=(const RestClient&) = delete;

  /// Any request; `request.target` begins with the API path. The answer's body on 2xx.
  boost::asio::awaitable<ApiResult<std::string>> send(http::Request request,
                                                      std::chrono::milliseconds timeout);

  boost::asio::awaitable<ApiResult<std::string>> get(std::string target,
                                                     std::chrono::milliseconds timeout = kTimeout,
                                                     Urgency urgency = Urgency::kUsual);
  boost::asio::awaitable<ApiResult<std::string>> post(std::string target, std::string body,
                                                      std::chrono::milliseconds timeout = kTimeout,
                                                      Urgency urgency = Urgency::kUsual);
  boost::asio::awaitable<ApiResult<std::string>> put(std::string target, std::string body,
                                                     std::chrono::milliseconds timeout = kTimeout,
                                                     Urgency urgency = Urgency::kUsual);
  /// application/merge-patch+json; asks for the answer as PartialObjectMetadata, so that large
  /// objects do not travel back.
  boost::asio::awaitable<ApiResult<std::string>> merge_patch(
      std::string target, std::string body, std::chrono::milliseconds timeout = kTimeout);

  /// A list (pooled connection) or a watch (own connection); the head is a 2xx.
  boost::asio::awaitable<ApiResult<std::unique_ptr<http::ResponseStream>>> open(
      std::string target, http::Client::Connection connection,
      std::chrono::milliseconds timeout = kTimeout);

  /// Breaks every request and stream; later ones end with kClosed.
  void close();

  [[nodiscard]] boost::asio::any_io_executor executor() const;

  static constexpr std::chrono::milliseconds kTimeout{30'000};

 private:
  class Impl;
  explicit RestClient(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::kube
