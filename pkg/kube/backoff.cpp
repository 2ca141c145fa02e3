#include "kube/backoff.h"

#include <algorithm>

namespace receiver::kube {

std::chrono::milliseconds Backoff::next(clock::Steady::time_point now, double random) {
  using Milliseconds = std::chrono::duration<double, std::milli>;
  constexpr double kJitter = 0.5;
  if (base_ && now - waited_until_ >= options_.health) base_.reset();
  const auto ceiling =
      std::chrono::floor<std::chrono::milliseconds>(options_.longest / (1 + kJitter));
  base_ = std::min(base_ ? *base_ * 2 : options_.first, ceiling);
  const auto wait =
      std::chrono::floor<std::chrono::milliseconds>(Milliseconds(*base_) * (1 + kJitter * random));
  waited_until_ = now + wait;
  return wait;
}

bool Backoff::wake(clock::Steady::time_point now) {
  if (!woken_at_ || now - *woken_at_ >= options_.longest) {
    base_.reset();
  } else if (woken_in_ == base_) {
    return false;
  }
  woken_at_ = now;
  woken_in_ = base_;
  return true;
}

}  // namespace receiver::kube
