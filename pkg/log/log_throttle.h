#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

#include "clock/clock.h"

namespace receiver::log {

/// Limits log lines that untrusted senders can cause to one per second. Thread-safe.
class LogThrottle {
 public:
  /// If a line may be written now, the number of lines suppressed since the last one.
  [[nodiscard]] std::optional<std::uint64_t> admit(
      clock::Steady::time_point now = clock::Steady::now()) {
    const std::int64_t ticks = now.time_since_epoch().count();
    std::int64_t next = next_.load(std::memory_order_relaxed);
    if (ticks < next || !next_.compare_exchange_strong(next, ticks + kInterval.count())) {
      held_back_.fetch_add(1, std::memory_order_relaxed);
      return std::nullopt;
    }
    return held_back_.exchange(0, std::memory_order_relaxed);
  }

 private:
  static constexpr clock::Steady::duration kInterval = std::chrono::seconds(1);
  std::atomic<std::int64_t> next_{std::numeric_limits<std::int64_t>::min()};
  std::atomic<std::uint64_t> held_back_{0};
};

}  // namespace receiver::log
