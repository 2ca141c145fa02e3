#pragma once

#include "clock/clock.h"

namespace receiver::clock {

/// Tells the time in place of the machine: in tests, which let it pass as they like
/// (test/support/simulated_time.h). Used from all threads.
class TimeSource {
 public:
  virtual ~TimeSource() = default;
  [[nodiscard]] virtual Steady::time_point steady() const = 0;
  [[nodiscard]] virtual Wall::time_point wall() const = 0;
  /// Of a thread that has nothing to do until its first timer is due, in so long: how soon it looks
  /// at the clock again.
  [[nodiscard]] virtual Steady::duration sleep_at_most(Steady::duration due) = 0;
};

/// Of every clock and timer of the process; null: the machine.
void set_time_source(TimeSource* source);
[[nodiscard]] Steady::duration sleep_at_most(Steady::duration due);

}  // namespace receiver::clock
