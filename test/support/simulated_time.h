#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>

#include <boost/asio/io_context.hpp>

#include "clock/timer.h"

namespace receiver::test {

/// While it lives, the clocks and timers of the process show its time. Time stands still until the
/// test lets it pass: explicitly, or by running code until it only waits for time. Create it before
/// everything that uses time, and destroy it after.
class SimulatedTime final : public clock::TimeSource {
 public:
  using Duration = clock::Steady::duration;

  SimulatedTime() { clock::set_time_source(this); }
  ~SimulatedTime() override { clock::set_time_source(nullptr); }
  SimulatedTime(const SimulatedTime&) = delete;
  SimulatedTime& operator=(const SimulatedTime&) = delete;

  /// Timers that are due by then fire at once; those of other threads a moment later.
  void pass(Duration time) { passed_ += time.count(); }

  /// Runs the context until nothing continues without time passing. Its peers run on it, too.
  static void settle(boost::asio::io_context& context) {
    do {
      context.restart();
    } while (context.run_one_for(kQuiet) > 0);
  }

  /// Runs the context until the condition is true; whenever nothing else continues, time passes
  /// until the next timer is due. False if it is not true by the limit.
  template <typename Condition>
  bool run_until(boost::asio::io_context& context, Condition condition,
                 Duration limit = std::chrono::hours(1)) {
    clock::Timer end(context, limit);
    end.async_wait([](const boost::system::error_code&) {});
    while (!condition()) {
      if (clock::Steady::now() >= end.expiry()) {
        settle(context);
        return condition();
      }
      next_due_ = kNever;
      context.restart();
      if (context.run_one_for(kQuiet) > 0 || next_due_ == kNever) continue;
      passed_ = std::max<Duration::rep>(passed_, next_due_);
    }
    return true;
  }
  void run_for(boost::asio::io_context& context, Duration time) {
    run_until(
        context, [] { return false; }, time);
  }

  [[nodiscard]] clock::Steady::time_point steady() const override { return steady_ + passed(); }
  [[nodiscard]] clock::Wall::time_point wall() const override { return wall_ + passed(); }
  [[nodiscard]] Duration sleep_at_most(Duration due) override {
    // The longest are beyond the end of time.
    const Duration::rep at = passed_ + std::min<Duration>(due, std::chrono::years(100)).count();
    for (Duration::rep next = next_due_; at < next && !next_due_.compare_exchange_weak(next, at);) {
    }
    return std::min<Duration>(due, kLookAgain);
  }

 private:
  static constexpr auto kNever = std::numeric_limits<Duration::rep>::max();
  /// Loopback delivers at once: after this time without data, nothing was sent.
  static constexpr std::chrono::microseconds kQuiet{500};
  static constexpr std::chrono::microseconds kLookAgain{100};

  [[nodiscard]] Duration passed() const { return Duration(passed_); }

  const clock::Steady::time_point steady_ = std::chrono::steady_clock::now();
  const clock::Wall::time_point wall_ = std::chrono::system_clock::now();
  std::atomic<Duration::rep> passed_ = 0;
  std::atomic<Duration::rep> next_due_ = kNever;
};

}  // namespace receiver::test
