#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "test/support/median.h"

namespace receiver::test {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

/// Time limit for operations that usually take milliseconds. A long limit costs nothing if all is
/// well.
inline constexpr std::chrono::milliseconds kPatience = kSanitized ? 60s : 20s;
/// The time of SPEC 2.4; an instrumented operator on a busy machine gets more.
inline constexpr std::chrono::milliseconds kPromptly = kSanitized ? 5s : 1s;
inline constexpr std::chrono::milliseconds kPollInterval = 20ms;

/// Polls until `observe` returns `expected`. Fails the test with the last result; returns how long
/// it took.
template <typename Observe, typename Expected>
std::chrono::milliseconds eventually_equals(std::string_view what, Observe observe,
                                            const Expected& expected,
                                            std::chrono::milliseconds limit = kPatience) {
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    const auto observed = observe();
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - start);
    if (observed == expected) return took;
    if (took >= limit) {
      INFO(what << ", after " << took.count() << " ms");
      REQUIRE(observed == expected);
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

/// Polls until `holds` returns true; fails the test otherwise.
inline std::chrono::milliseconds eventually(std::string_view what,
                                            const std::function<bool()>& holds,
                                            std::chrono::milliseconds limit = kPatience) {
  return eventually_equals(what, holds, true, limit);
}

/// Fails unless most of the times are within the limit: a single one may include waiting for a CPU.
inline void check_median(const std::vector<std::chrono::milliseconds>& took,
                         std::chrono::milliseconds limit) {
  INFO("of " << took.size() << " times");
  CHECK(median(took) < limit);
}

}  // namespace receiver::test
