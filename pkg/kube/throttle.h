#pragma once

#include <chrono>
#include <optional>

namespace receiver::kube {

/// A token bucket: `per_second` requests on average, `burst` at once. Pure; internal to the room.
class Throttle {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// `per_second` is above 0; a `burst` below 1 counts as 1.
  Throttle(double per_second, int burst);

  /// When the request that asks `now` may go out, which takes its place in the queue; nothing if
  /// that would be after `deadline`.
  [[nodiscard]] std::optional<TimePoint> reserve(TimePoint now, TimePoint deadline);

 private:
  std::chrono::nanoseconds interval_;
  std::chrono::nanoseconds slack_;  ///< how far ahead of the even pace a burst may run
  TimePoint next_{};                ///< of the even pace
};

}  // namespace receiver::kube
