#pragma once

#include "clock/clock.h"

namespace receiver::clock {

/// Replaces the machine's clock in tests, which let time pass as they like
/// (test/support/simulated_time.h). Used from all threads.
class TimeSource {
 public:
  virtual ~TimeSource() = default;
  [[nodiscard]] virtual Steady::time_point steady() const = 0;
  [[nodiscard]] virtual Wall::time_point wall() const = 0;
  /// How soon an idle thread, whose first timer is due in `due`, looks at the clock again.
  [[nodiscard]] virtual Steady::duration sleep_at_most(Steady::duration due) = 0;
};

/// Sets the source of every clock and timer of the process; null: the machine.
void set_time_source(TimeSource* source);
[[nodiscard]] Steady::duration sleep_at_most(Steady::duration due);

}  // namespace receiver::clock
