#include "kube/throttle.h"

#include <catch2/catch.hpp>

namespace receiver::kube {
namespace {

using namespace std::chrono_literals;
const Throttle::TimePoint kStart{1000s};

}  // namespace

TEST_CASE("a throttle lets a burst through, and then paces") {
  Throttle throttle(10, 3);
  for (int i = 0; i < 3; ++i) CHECK(throttle.reserve(kStart, kStart + 1h) == kStart);
  CHECK(throttle.reserve(kStart, kStart + 1h) == kStart + 100ms);
  CHECK(throttle.reserve(kStart, kStart + 1h) == kStart + 200ms);
}

TEST_CASE("a throttle's burst grows back at its rate") {
  Throttle throttle(10, 3);
  for (int i = 0; i < 3; ++i) CHECK(throttle.reserve(kStart, kStart + 1h));
  const auto later = kStart + 200ms;
  CHECK(throttle.reserve(later, later + 1h) == later);
  CHECK(throttle.reserve(later, later + 1h) == later);
  CHECK(throttle.reserve(later, later + 1h) == later + 100ms);

  const auto much_later = kStart + 1h;
  for (int i = 0; i < 3; ++i) CHECK(throttle.reserve(much_later, much_later + 1h) == much_later);
  CHECK(throttle.reserve(much_later, much_later + 1h) == much_later + 100ms);
}

TEST_CASE("a request whose turn would come after its deadline takes no place") {
  Throttle throttle(10, 1);
  CHECK(throttle.reserve(kStart, kStart) == kStart);
  CHECK_FALSE(throttle.reserve(kStart, kStart + 99ms));
  CHECK_FALSE(throttle.reserve(kStart, kStart + 99ms));
  CHECK(throttle.reserve(kStart, kStart + 100ms) == kStart + 100ms);
}

TEST_CASE("a throttle of extreme settings still throttles") {
  Throttle slow(1e-12, 0);
  CHECK(slow.reserve(kStart, kStart) == kStart);
  CHECK_FALSE(slow.reserve(kStart, kStart + 1min));
  Throttle fast(1e12, 1'000'000'000);
  for (int i = 0; i < 1000; ++i) CHECK(fast.reserve(kStart, kStart) == kStart);
}

}  // namespace receiver::kube
