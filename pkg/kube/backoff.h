#pragma once

#include <chrono>
#include <optional>

#include "clock/clock.h"

namespace receiver::kube {

/// How long to wait after a failure: twice as long each time, jittered, until things were well for
/// a while. Pure: time and chance are parameters.
class Backoff {
 public:
  struct Options {
    std::chrono::milliseconds first{800};
    std::chrono::milliseconds longest{30'000};  ///< no wait is longer, jitter included
    std::chrono::milliseconds health{120'000};  ///< this long without a failure: begin anew
  };
  Backoff() = default;
  explicit Backoff(Options options) : options_(options) {}

  /// The wait after a failure that happens `now`. Jitter makes it up to half as long again, by
  /// `random` in [0, 1), so that many who failed together do not come back together.
  [[nodiscard]] std::chrono::milliseconds next(clock::Steady::time_point now, double random);
  /// All is well: the next failure is the first.
  void reset() { base_.reset(); }
  /// A success elsewhere: whether it ends the wait that is under way. Once per step, so that what
  /// fails for reasons of its own is not tried in a loop while all else succeeds; and the first
  /// time in `longest` it begins anew, since what was waited for is over.
  [[nodiscard]] bool wake(clock::Steady::time_point now);

 private:
  Options options_;
  std::optional<std::chrono::milliseconds> base_;  ///< of the last wait, without jitter
  clock::Steady::time_point waited_until_;
  std::optional<clock::Steady::time_point> woken_at_;
  std::optional<std::chrono::milliseconds> woken_in_;  ///< the step of then
};

}  // namespace receiver::kube
