#include "kube/backoff.h"

#include <vector>

#include <catch2/catch.hpp>

namespace receiver::kube {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::milliseconds;

namespace {

const auto kBegin = std::chrono::steady_clock::time_point(1000h);

/// The waits of failures that follow each other at once.
std::vector<Milliseconds> waits(Backoff& backoff, double random, int count) {
  std::vector<Milliseconds> result;
  auto now = kBegin;
  for (int i = 0; i < count; ++i) {
    result.push_back(backoff.next(now, random));
    now += result.back();
  }
  return result;
}

}  // namespace

TEST_CASE("a backoff doubles from 0.8 s up to a ceiling") {
  Backoff backoff;
  CHECK(waits(backoff, 0, 8) ==
        std::vector<Milliseconds>{800ms, 1600ms, 3200ms, 6400ms, 12800ms, 20s, 20s, 20s});
}

TEST_CASE("a backoff is jittered by up to a half, and never above 30 s") {
  Backoff backoff;
  const auto longest = waits(backoff, 0.999999, 8);
  CHECK(longest.front() == 1199ms);
  CHECK(longest.back() > 29'990ms);
  CHECK(longest.back() <= 30s);
  Backoff between;
  CHECK(between.next(kBegin, 0.5) == 1s);
}

TEST_CASE("a backoff starts again after two minutes of health, the wait not counted") {
  Backoff backoff;
  REQUIRE(backoff.next(kBegin, 0) == 800ms);
  REQUIRE(backoff.next(kBegin + 800ms, 0) == 1600ms);
  const auto well_since = kBegin + 800ms + 1600ms;
  SECTION("not before") {
    CHECK(backoff.next(well_since + 2min - 1ms, 0) == 3200ms);
  }
  SECTION("but then") {
    CHECK(backoff.next(well_since + 2min, 0) == 800ms);
  }
  SECTION("or when told so") {
    backoff.reset();
    CHECK(backoff.next(well_since, 0) == 800ms);
  }
}

TEST_CASE("a backoff's numbers can be chosen") {
  Backoff backoff({.first = 10ms, .longest = 30ms, .health = 1s});
  CHECK(waits(backoff, 0, 3) == std::vector<Milliseconds>{10ms, 20ms, 20ms});
  CHECK(backoff.next(kBegin + 10s, 0) == 10ms);
}

TEST_CASE("a success elsewhere ends a wait once per step, and the first time resets it") {
  Backoff backoff;
  auto now = kBegin;
  // After a long outage: a failure after it counts as the first.
  for (int i = 0; i < 8; ++i) now += backoff.next(now, 0);
  CHECK(backoff.wake(now));
  CHECK_FALSE(backoff.wake(now));
  CHECK(backoff.next(now, 0) == 800ms);
  // A request that keeps failing while all others succeed reaches the longest step.
  int woken = 0;
  for (int i = 0; i < 20; ++i) {
    if (backoff.wake(now)) ++woken;
    CHECK_FALSE(backoff.wake(now));
    static_cast<void>(backoff.next(now, 0));
  }
  CHECK(woken == 6);
  CHECK(backoff.next(now, 0) == 20s);
  // Half a minute later it may be woken again.
  CHECK_FALSE(backoff.wake(now + 29s));
  CHECK(backoff.wake(now + 30s));
  CHECK(backoff.next(now + 30s, 0) == 800ms);
}

}  // namespace receiver::kube
