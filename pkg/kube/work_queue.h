#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "clock/clock.h"
#include "kube/object_key.h"

namespace receiver::kube {

/// Which object to process next, with the semantics of client-go's rate-limited queue: a key waits
/// once however often it is added; it is never taken while it is being processed; if it is added
/// meanwhile, it is processed once more afterwards. Pure: time is a parameter, nothing blocks. Not
/// thread-safe.
///
/// Its bound is the number of different keys: callers add only keys of objects that a store has
/// contained.
class WorkQueue {
 public:
  using Time = clock::Steady::time_point;

  /// The n-th failure of a key in a row is retried after 5 ms × 2^(n-1), at most after 16 minutes
  /// or the limit given to retry().
  static constexpr std::chrono::milliseconds kFirstRetry{5};
  static constexpr std::chrono::milliseconds kLongestRetry{std::chrono::minutes(16)};

  void add(const ObjectKey& key, Time now);
  /// Adds the key at `due`. If it has several such times, the earliest counts.
  void add_at(const ObjectKey& key, Time due, Time now);
  /// Counts a failure of the key and adds it after its backoff, which is returned: at most
  /// `longest`, but not less than `at_least`, if the server requested that.
  std::chrono::milliseconds retry(const ObjectKey& key, Time now,
                                  std::chrono::milliseconds longest = kLongestRetry,
                                  std::chrono::milliseconds at_least = {});
  /// Call after a success: the key's next failure counts as its first.
  void forget(const ObjectKey& key);

  struct Taken {
    ObjectKey key;
    Time::duration waited;  ///< since it was added
  };
  /// The next key to process, until done(); nothing if none is ready.
  [[nodiscard]] std::optional<Taken> take(Time now);
  void done(const ObjectKey& key);

  /// When the first delayed key becomes ready. Keys that are ready already do not count.
  [[nodiscard]] std::optional<Time> next_due() const;

  /// Keys ready to be taken.
  [[nodiscard]] std::size_t depth() const { return ready_.size(); }
  /// Keys that wait for a delay to pass.
  [[nodiscard]] std::size_t delayed() const { return by_time_.size(); }
  /// Keys taken and not done.
  [[nodiscard]] std::size_t in_progress() const { return processing_.size(); }
  /// Keys whose last processing failed.
  [[nodiscard]] std::size_t failing() const { return failures_.size(); }
  /// Time that the oldest ready key has waited.
  [[nodiscard]] Time::duration oldest_age(Time now) const;
  /// How long the keys in progress have been worked on: all together, and the longest.
  [[nodiscard]] Time::duration unfinished_work(Time now) const;
  [[nodiscard]] Time::duration longest_work(Time now) const;
  /// Since the beginning: additions that were not already waiting, and failures.
  [[nodiscard]] std::uint64_t adds() const { return adds_; }
  [[nodiscard]] std::uint64_t retries() const { return retries_; }

 private:
  void add_delayed_until(Time now);

  std::deque<ObjectKey> ready_;
  std::unordered_map<ObjectKey, Time>
      dirty_;  ///< to be worked on, since when: in ready_, or in processing_ and once more
  std::unordered_map<ObjectKey, Time> processing_;  ///< since when
  std::unordered_map<ObjectKey, Time> due_;
  std::set<std::pair<Time, ObjectKey>> by_time_;  ///< due_ in order of time
  std::unordered_map<ObjectKey, int> failures_;   ///< in a row
  std::uint64_t adds_ = 0;
  std::uint64_t retries_ = 0;
};

}  // namespace receiver::kube
