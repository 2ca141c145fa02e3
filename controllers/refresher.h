#pragma once

#include <atomic>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "clock/clock.h"
#include "kube/error.h"
#include "kube/object_key.h"
#include "log/logger.h"

namespace receiver::controllers {

enum class TargetKind { kWarehouse, kPromotion };

/// An object to refresh.
struct Target {
  TargetKind kind = TargetKind::kWarehouse;
  kube::ObjectKey key;
  friend auto operator<=>(const Target&, const Target&) = default;
};

/// What became of one delivery's targets by its deadline. `applied + queued + refused` is the
/// number of targets.
struct RefreshOutcome {
  std::size_t applied = 0;  ///< patched after the delivery arrived, or gone
  std::size_t queued = 0;   ///< still to be done; will be
  std::size_t refused = 0;  ///< finally refused by the API server
  bool overloaded = false;  ///< nothing was taken: RefresherOptions::objects_waiting is reached
};

/// Increasing, unique refresh tokens: RFC 3339 UTC with nanoseconds.
class TokenSource {
 public:
  [[nodiscard]] std::string next(clock::Wall::time_point now);

 private:
  clock::Wall::time_point last_{};
};

struct RefresherOptions {
  std::size_t patches_in_flight = 64;
  std::size_t objects_waiting =
      50'000;  ///< objects known to the queue: waiting, in flight, backing off
  std::chrono::milliseconds first_backoff{200};
  std::chrono::milliseconds longest_backoff{30'000};
  std::chrono::milliseconds forbidden_for{
      600'000};  ///< 403 is retried this long: RBAC caches of a restarted API server
};

struct RefresherCounters {
  std::atomic<std::uint64_t> applied{0}, gone{0}, refused{0}, retried{0}, coalesced{0},
      overloaded{0};
  std::atomic<std::int64_t> objects_current{0}, patches_current{0};
};

/// The queue of refreshes (SPEC 4): per object at most one PATCH in flight and one waiting, which
/// any number of deliveries share; transient failures are retried until they succeed, the object is
/// gone, or shutdown. State lives on `executor`'s single thread.
class Refresher {
 public:
  /// Patches the refresh annotation of one object. Called on the executor; at most
  /// `patches_in_flight` at once.
  using Patch = std::function<boost::asio::awaitable<kube::ApiResult<void>>(Target target,
                                                                            std::string token)>;

  Refresher(boost::asio::any_io_executor executor, Patch patch, RefresherOptions options,
            log::Logger logger);
  ~Refresher();
  Refresher(const Refresher&) = delete;
  Refresher& operator=(const Refresher&) = delete;

  /// Refreshes every target by a PATCH that starts after this call; returns when all are done or
  /// finally refused, at the latest at `deadline`. What is not done then stays queued. From any
  /// executor; resumes on the caller's.
  boost::asio::awaitable<RefreshOutcome> refresh(std::vector<Target> targets,
                                                 clock::Steady::time_point deadline);

  /// Waits until nothing is queued or in flight, at the latest until `deadline`; then names in the
  /// log, as errors, what was not applied. Returns how many. From the executor.
  boost::asio::awaitable<std::size_t> drain(clock::Steady::time_point deadline);

  [[nodiscard]] const RefresherCounters& counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::controllers
