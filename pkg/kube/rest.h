#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "http/client.h"
#include "kube/config.h"
#include "kube/error.h"
#include "kube/recovery.h"
#include "log/logger.h"

namespace receiver::kube {

/// Requests of one kind wait only for their own kind. Each lane has a limit of requests in flight;
/// others wait in order. Waiting is no failure: a request's timeout counts from when it leaves the
/// lane's queue.
enum class Lane {
  kPatches,         ///< refreshes; limit RestOptions::patches
  kStatuses,        ///< status writes; limit RestOptions::status_writes
  kLists,           ///< of whole kinds; limit 2
  kNamespaceLists,  ///< of one namespace, of which there may be a thousand; limit 6
  kReads,           ///< all other single requests; limit 8
  kEvents,          ///< limit 2
  kLease,           ///< limit 2; not throttled, because a Lease that is renewed too late is lost
  kWatches,         ///< each on a connection of its own; no limit, no throttle
};

struct RestOptions {
  std::string user_agent;         ///< name/version (os/arch) commit
  std::size_t patches = 64;       ///< of Lane::kPatches
  std::size_t status_writes = 4;  ///< of Lane::kStatuses
  double queries_per_second = 0;  ///< 0: no throttle. Lanes take turns
  int burst = 0;
  /// Of every request, in place of what its caller allows.
  std::optional<std::chrono::milliseconds> timeout{};
  /// Called for every request and the status of its answer, 0 if there is none.
  std::function<void(std::string_view method, std::string_view target, unsigned status,
                     std::chrono::nanoseconds took)>
      trace{};
};

/// Called for each finished request (the observer derives rest_client_requests_total by method and
/// code).
using RequestObserver =
    std::function<void(std::string_view method, unsigned status, std::chrono::nanoseconds took)>;

/// The API server's REST interface: authenticates, parses Status objects into ApiErrors, and on a
/// 401 reads the credentials again and sends once more. All members run on the executor's single
/// thread.
class RestClient {
 public:
  /// The error says which credential could not be read.
  [[nodiscard]] static tl::expected<std::unique_ptr<RestClient>, std::string> create(
      boost::asio::any_io_executor executor, Config config, RestOptions options, log::Logger logger,
      RequestObserver observer = {});
  ~RestClient();  // NOLINT(bugprone-exception-escape): see there
  RestClient(const RestClient&) = delete;
  RestClient& operator=(const RestClient&) = delete;

  /// Sends any request. `request.target` begins with the API path. Returns the answer's body on
  /// 2xx.
  boost::asio::awaitable<ApiResult<std::string>> send(http::Request request,
                                                      std::chrono::milliseconds timeout,
                                                      Lane lane = Lane::kReads);

  boost::asio::awaitable<ApiResult<std::string>> get(std::string target,
                                                     std::chrono::milliseconds timeout = kTimeout,
                                                     Lane lane = Lane::kReads);
  boost::asio::awaitable<ApiResult<std::string>> post(std::string target, std::string body,
                                                      std::chrono::milliseconds timeout = kTimeout,
                                                      Lane lane = Lane::kReads);
  boost::asio::awaitable<ApiResult<std::string>> put(std::string target, std::string body,
                                                     std::chrono::milliseconds timeout = kTimeout,
                                                     Lane lane = Lane::kReads);
  /// application/merge-patch+json. Requests the answer as PartialObjectMetadata, so that large
  /// objects are not sent back.
  boost::asio::awaitable<ApiResult<std::string>> merge_patch(
      std::string target, std::string body, std::chrono::milliseconds timeout = kTimeout,
      Lane lane = Lane::kPatches);

  /// Opens a list, or with Lane::kWatches a watch. Returns when a 2xx header has arrived, within
  /// `timeout`. The place in the lane is occupied until the stream has ended or is destroyed.
  boost::asio::awaitable<ApiResult<std::unique_ptr<http::ResponseStream>>> open(
      std::string target, Lane lane, std::chrono::milliseconds timeout = kTimeout);

  /// The right to buffer a large event of one of many watches while it arrives, as long as the
  /// result lives; limit 8. Otherwise a thousand megabytes may arrive at the same time.
  boost::asio::awaitable<std::shared_ptr<void>> hold_large_event();

  /// Reports every success (2xx) of any request of this client.
  [[nodiscard]] Recovery& recovery();

  /// Ends every request and stream; later ones end with kClosed.
  void close();

  [[nodiscard]] boost::asio::any_io_executor executor() const;

  static constexpr std::chrono::milliseconds kTimeout{30'000};

 private:
  class Impl;
  explicit RestClient(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::kube
