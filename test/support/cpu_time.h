#pragma once

#include <chrono>
#include <ctime>

namespace receiver::test {

/// CPU time of CLOCK_THREAD_CPUTIME_ID (this thread) or CLOCK_PROCESS_CPUTIME_ID (this process): a
/// limit that holds on a busy machine, too.
[[nodiscard]] inline std::chrono::nanoseconds cpu_time(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace receiver::test
