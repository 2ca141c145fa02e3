#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "clock/clock.h"
#include "controllers/refresh_queue.h"
#include "kube/error.h"
#include "log/logger.h"

namespace receiver::controllers {

/// What became of one delivery's targets by its deadline. `applied + queued + refused` is the
/// number of distinct targets, or 0 when overloaded.
struct RefreshOutcome {
  std::size_t applied = 0;  ///< patched after the delivery arrived, or gone
  std::size_t queued = 0;   ///< still to be done; will be
  std::size_t refused = 0;  ///< finally refused by the API server
  bool overloaded = false;  ///< nothing was taken: objects_waiting is reached, or it has stopped
};

/// Of an object that waits for its refresh when the process ends.
void log_not_applied(const log::Logger& logger, const Target& target);

/// Increasing, unique refresh tokens: RFC 3339 UTC with nanoseconds.
class TokenSource {
 public:
  [[nodiscard]] std::string next(clock::Wall::time_point now);

 private:
  clock::Wall::time_point last_{};
};

/// PATCHes that have ended, of one kind of target.
struct PatchCounters {
  std::atomic<std::uint64_t> applied{0};  ///< accepted
  std::atomic<std::uint64_t> gone{0};     ///< of objects that do not exist
  std::atomic<std::uint64_t> refused{0};  ///< given up
  std::atomic<std::uint64_t> retried{0};  ///< failed for now
};

struct RefresherCounters {
  PatchCounters warehouses, promotions;
  std::atomic<std::uint64_t> coalesced{0};       ///< targets that share a PATCH others waited for
  std::atomic<std::uint64_t> overloaded{0};      ///< deliveries not taken
  std::atomic<std::int64_t> objects_current{0};  ///< waiting, backing off or in flight
  std::atomic<std::int64_t> patches_current{0};  ///< in flight
};

/// The queue of refreshes (SPEC 4): per object at most one PATCH in flight and one waiting, which
/// any number of deliveries share; transient failures are retried until they succeed, the object is
/// gone, or shutdown. The decisions are RefreshQueue's; its state lives on `executor`'s single
/// thread. The execution contexts of all callers must be destroyed after `executor`'s: what is
/// queued there refers to the timers of those who wait. A caller that waits refers to nothing
/// there.
class Refresher {
 public:
  /// Patches the refresh annotation of one object. Called on the executor; at most
  /// `patches_in_flight` at once.
  using Patch = std::function<boost::asio::awaitable<kube::ApiResult<void>>(Target target,
                                                                            std::string token)>;
  /// Told of every PATCH that was accepted: how long the first delivery that it was for has waited.
  /// On the executor.
  using Applied = std::function<void(TargetKind kind, std::chrono::nanoseconds waited)>;

  Refresher(boost::asio::any_io_executor executor, Patch patch, RefresherOptions options,
            log::Logger logger, Applied applied = {});
  ~Refresher();
  Refresher(const Refresher&) = delete;
  Refresher& operator=(const Refresher&) = delete;

  /// Refreshes every target by a PATCH that starts after this call; returns when all are done or
  /// finally refused, at the latest at `deadline` (a second later while the executor is too busy to
  /// even take them). What is not done then stays queued. From any executor that runs one handler
  /// at a time, such as a connection's strand; resumes there.
  boost::asio::awaitable<RefreshOutcome> refresh(std::vector<Target> targets,
                                                 clock::Steady::time_point deadline);

  /// The API server has answered some other request: ends the waits after PATCHes that did not
  /// reach it (RefreshQueue::server_is_back). Cheap when there are none. From the executor.
  void server_is_back();

  /// Calls that wait at `time`, and later ones, return at once; what is not done then stays queued.
  /// For shutdown: they must be answered before their connections are closed. From the executor,
  /// once.
  void answer_by(clock::Steady::time_point time);

  /// Ends every backoff, then waits until nothing is queued or in flight, at the latest until
  /// `deadline`; then names in the log, as errors, what was not applied. Returns how many. From the
  /// executor, once.
  boost::asio::awaitable<std::size_t> drain(clock::Steady::time_point deadline);

  [[nodiscard]] const RefresherCounters& counters() const;
  /// Age of the oldest delivery that is not applied yet. From the executor.
  [[nodiscard]] std::chrono::nanoseconds oldest_age() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::controllers
