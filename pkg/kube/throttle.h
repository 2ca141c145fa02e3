#pragma once

#include <chrono>
#include <optional>

namespace receiver::kube {

/// A token bucket: `per_second` requests on average, `burst` at the same time. Pure; internal to
/// the room.
class Throttle {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// `per_second` must be above 0; a `burst` below 1 counts as 1.
  Throttle(double per_second, int burst);

  /// When a request that arrives at `now` may be sent. It occupies a place in the queue; nothing if
  /// that would be after `deadline`.
  [[nodiscard]] std::optional<TimePoint> reserve(TimePoint now, TimePoint deadline);

 private:
  std::chrono::nanoseconds interval_;
  std::chrono::nanoseconds slack_;  ///< how far a burst may run ahead of the even rate
  TimePoint next_{};                ///< of the even rate
};

}  // namespace receiver::kube
