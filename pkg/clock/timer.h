#pragma once

#include <boost/asio/basic_waitable_timer.hpp>

#include "clock/time_source.h"

namespace receiver::clock {

struct TimerSleep {
  static Steady::duration to_wait_duration(Steady::duration due) { return sleep_at_most(due); }
};

/// Asio's timer on the clock that tests can set. All code that waits for a time uses it.
using Timer = boost::asio::basic_waitable_timer<Steady, TimerSleep>;

}  // namespace receiver::clock
