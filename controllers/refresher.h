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

/// The state of one delivery's targets at its deadline. `applied + queued + refused` is the number
/// of distinct targets, or 0 if overloaded.
struct RefreshOutcome {
  std::size_t applied = 0;  ///< patched after the delivery arrived, or deleted
  std::size_t queued = 0;   ///< still waiting; will be refreshed
  std::size_t refused = 0;  ///< finally rejected by the API server
  bool overloaded =
      false;  ///< nothing was queued: objects_waiting is reached, or the refresher has stopped
};

/// For an object that waits for its refresh when the process ends.
void log_not_applied(const log::Logger& logger, const Target& target);

/// Increasing, unique refresh tokens: RFC 3339 UTC with nanoseconds.
class TokenSource {
 public:
  [[nodiscard]] std::string next(clock::Wall::time_point now);

 private:
  clock::Wall::time_point last_{};
};

/// Finished PATCHes of one kind of target.
struct PatchCounters {
  std::atomic<std::uint64_t> applied{0};  ///< accepted
  std::atomic<std::uint64_t> gone{0};     ///< the object does not exist
  std::atomic<std::uint64_t> refused{0};  ///< given up
  std::atomic<std::uint64_t> retried{0};  ///< transient failures
};

struct RefresherCounters {
  PatchCounters warehouses, promotions;
  std::atomic<std::uint64_t> coalesced{0};       ///< targets that share a waiting PATCH
  std::atomic<std::uint64_t> overloaded{0};      ///< rejected deliveries
  std::atomic<std::int64_t> objects_current{0};  ///< waiting, backing off or in flight
  std::atomic<std::int64_t> patches_current{0};  ///< in flight
};

/// The queue of refreshes (SPEC 4): per object at most one PATCH in flight and one waiting, which
/// any number of deliveries share. Transient failures are retried until they succeed, the object is
/// gone, or shutdown. RefreshQueue decides; its state belongs to `executor`'s single thread. The
/// execution contexts of all callers must be destroyed after `executor`'s: its queue refers to the
/// timers of waiting callers. A waiting caller refers to nothing there.
class Refresher {
 public:
  /// Patches the refresh annotation of one object. Called on the executor, at most
  /// `patches_in_flight` at the same time.
  using Patch = std::function<boost::asio::awaitable<kube::ApiResult<void>>(Target target,
                                                                            std::string token)>;
  /// Called for every accepted PATCH, with the time that its first delivery has waited. On the
  /// executor.
  using Applied = std::function<void(TargetKind kind, std::chrono::nanoseconds waited)>;

  Refresher(boost::asio::any_io_executor executor, Patch patch, RefresherOptions options,
            log::Logger logger, Applied applied = {});
  ~Refresher();
  Refresher(const Refresher&) = delete;
  Refresher& operator=(const Refresher&) = delete;

  /// Refreshes every target by a PATCH that starts after this call. Returns when all are done or
  /// finally rejected, at the latest at `deadline` (a second later if the executor is too busy to
  /// queue them). Unfinished ones stay queued. From any executor that runs one handler at a time,
  /// such as a connection's strand; resumes there.
  boost::asio::awaitable<RefreshOutcome> refresh(std::vector<Target> targets,
                                                 clock::Steady::time_point deadline);

  /// The API server has answered another request: ends the waits after PATCHes that did not reach
  /// it (RefreshQueue::server_is_back). Cheap if there are none. From the executor.
  void server_is_back();

  /// Calls that wait at `time`, and later ones, return at once; unfinished targets stay queued. For
  /// shutdown: callers must be answered before their connections are closed. From the executor,
  /// once.
  void answer_by(clock::Steady::time_point time);

  /// Ends every backoff, then waits until nothing is queued or in flight, at the latest until
  /// `deadline`. Then logs, as errors, what was not applied, and returns its number. From the
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
