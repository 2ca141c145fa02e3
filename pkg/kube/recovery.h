#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <optional>
#include <utility>

#include "kube/throttle.h"

namespace receiver::kube {

/// Wakes waiting requests after an outage: code that waits because the API server could not be
/// reached learns here that another request has succeeded. For one thread; it must outlive those
/// who wait.
class Recovery {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// Calls `on_success` at every success as long as it lives. The callback must be short, and must
  /// not create or destroy a Waiting.
  class Waiting {
   public:
    Waiting(Recovery& recovery, std::function<void()> on_success)
        : recovery_(recovery),
          on_success_(std::move(on_success)),
          place_(recovery.waiting_.insert(recovery.waiting_.end(), this)) {}
    ~Waiting() { recovery_.waiting_.erase(place_); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    friend class Recovery;
    Recovery& recovery_;
    std::function<void()> on_success_;
    std::list<Waiting*>::iterator place_;
  };

  void succeeded() {
    for (Waiting* one : waiting_) one->on_success_();
  }

  /// When the next of many may retry, so that a thousand watches do not come back together; nothing
  /// if that is after `by`, when it retries anyway.
  [[nodiscard]] std::optional<TimePoint> turn(TimePoint now, TimePoint by) {
    return pace_.reserve(now, by);
  }

  static constexpr double kTurnsPerSecond = 50;

 private:
  std::list<Waiting*> waiting_;
  Throttle pace_{kTurnsPerSecond, 1};
};

}  // namespace receiver::kube
