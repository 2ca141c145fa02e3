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

/// Work of one kind waits for its own kind only. Each lane has so many requests under way at once;
/// those beyond wait in order, and waiting is no failure: a request's time counts from when its
/// lane lets it go.
enum class Lane {
  kPatches,         ///< refreshes; RestOptions::patches at once
  kStatuses,        ///< status writes; RestOptions::status_writes at once
  kLists,           ///< of whole kinds; 2 at once
  kNamespaceLists,  ///< of one namespace, of which there may be a thousand; 6 at once
  kReads,           ///< anything else that is asked once; 8 at once
  kEvents,          ///< 2 at once
  kLease,           ///< 2 at once; not throttled, since a Lease that is renewed too late is lost
  kWatches,         ///< each on a connection of its own; neither bounded nor throttled
};

struct RestOptions {
  std::string user_agent;         ///< name/version (os/arch) commit
  std::size_t patches = 64;       ///< of Lane::kPatches
  std::size_t status_writes = 4;  ///< of Lane::kStatuses
  double queries_per_second = 0;  ///< 0: no throttle. Lanes take turns at it
  int burst = 0;
  /// Of every request, in place of what its caller allows.
  std::optional<std::chrono::milliseconds> timeout{};
  /// Told of every request and the status of its answer, 0 if there is none.
  std::function<void(std::string_view method, std::string_view target, unsigned status,
                     std::chrono::nanoseconds took)>
      trace{};
};

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
  /// application/merge-patch+json; asks for the answer as PartialObjectMetadata, so that large
  /// objects do not travel back.
  boost::asio::awaitable<ApiResult<std::string>> merge_patch(
      std::string target, std::string body, std::chrono::milliseconds timeout = kTimeout,
      Lane lane = Lane::kPatches);

  /// A list, or with Lane::kWatches a watch; the head is a 2xx. `timeout` is until then. The place
  /// in the lane is held until the stream has ended or is destroyed.
  boost::asio::awaitable<ApiResult<std::unique_ptr<http::ResponseStream>>> open(
      std::string target, Lane lane, std::chrono::milliseconds timeout = kTimeout);

  /// The right to hold a large event of one of many watches while it arrives, as long as the result
  /// lives: 8 at once. A thousand megabytes may be on their way at the same time.
  boost::asio::awaitable<std::shared_ptr<void>> hold_large_event();

  /// Tells of every success (2xx) of any request here.
  [[nodiscard]] Recovery& recovery();

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
