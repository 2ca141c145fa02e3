#pragma once

#include <chrono>
#include <optional>

#include "clock/clock.h"

namespace receiver::kube {

/// Computes the wait after a failure: twice as long each time, with jitter, until there was no
/// failure for a while. Pure: time and randomness are parameters.
class Backoff {
 public:
  struct Options {
    std::chrono::milliseconds first{800};
    std::chrono::milliseconds longest{30'000};  ///< limit of a wait, including jitter
    std::chrono::milliseconds health{
        120'000};  ///< after this time without a failure, the backoff starts again
  };
  Backoff() = default;
  explicit Backoff(Options options) : options_(options) {}

  /// The wait after a failure at `now`. Jitter adds up to half of it, by `random` in [0, 1), so
  /// that clients that failed together do not retry together.
  [[nodiscard]] std::chrono::milliseconds next(clock::Steady::time_point now, double random);
  /// Call after a success: the next failure counts as the first.
  void reset() { base_.reset(); }
  /// Call when another request succeeded: whether that ends the current wait. It does so once per
  /// step, so that a request which fails for its own reasons is not retried in a loop while all
  /// others succeed. The first time within `longest` it also resets the backoff, because the outage
  /// is over.
  [[nodiscard]] bool wake(clock::Steady::time_point now);

 private:
  Options options_;
  std::optional<std::chrono::milliseconds> base_;  ///< of the last wait, without jitter
  clock::Steady::time_point waited_until_;
  std::optional<clock::Steady::time_point> woken_at_;
  std::optional<std::chrono::milliseconds> woken_in_;  ///< the step at that time
};

}  // namespace receiver::kube
