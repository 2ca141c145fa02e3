#include "kube/throttle.h"

#include <algorithm>

namespace receiver::kube {

Throttle::Throttle(double per_second, int burst)
    // At most an hour: very small rates would overflow otherwise.
    : interval_(std::chrono::duration_cast<std::chrono::nanoseconds>(
          std::chrono::duration<double>(std::min(1.0 / per_second, 3600.0)))),
      slack_(interval_ * (std::clamp(burst, 1, 10'000) - 1)) {}

std::optional<Throttle::TimePoint> Throttle::reserve(TimePoint now, TimePoint deadline) {
  const TimePoint pace = std::max(next_, now);
  const TimePoint start = std::max(now, pace - slack_);
  if (start > deadline) return std::nullopt;
  next_ = pace + interval_;
  return start;
}

}  // namespace receiver::kube
