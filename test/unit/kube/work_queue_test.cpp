#include "kube/work_queue.h"

#include <chrono>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include <catch2/catch.hpp>

namespace receiver::kube {

using namespace std::chrono_literals;

namespace {

const WorkQueue::Time kQueueStart{1000h};
const ObjectKey kA{"ns", "a"};
const ObjectKey kB{"ns", "b"};

std::optional<ObjectKey> take(WorkQueue& queue, WorkQueue::Time now) {
  const auto taken = queue.take(now);
  if (!taken) return std::nullopt;
  return taken->key;
}

std::vector<ObjectKey> take_all(WorkQueue& queue, WorkQueue::Time now) {
  std::vector<ObjectKey> keys;
  while (auto taken = queue.take(now)) {
    keys.push_back(taken->key);
    queue.done(taken->key);
  }
  return keys;
}

}  // namespace

TEST_CASE("keys are taken in the order in which they were added") {
  WorkQueue queue;
  queue.add(kB, kQueueStart);
  queue.add(kA, kQueueStart);
  CHECK(take_all(queue, kQueueStart) == std::vector{kB, kA});
  CHECK_FALSE(queue.take(kQueueStart).has_value());
}

TEST_CASE("a key added many times waits once") {
  WorkQueue queue;
  for (int i = 0; i < 5; ++i) queue.add(kA, kQueueStart);
  CHECK(queue.depth() == 1);
  CHECK(queue.adds() == 1);
  CHECK(take_all(queue, kQueueStart) == std::vector{kA});
}

TEST_CASE("a key added while it is worked on is worked on once more, afterwards") {
  WorkQueue queue;
  queue.add(kA, kQueueStart);
  REQUIRE(take(queue, kQueueStart) == kA);
  queue.add(kA, kQueueStart);
  queue.add(kA, kQueueStart);
  CHECK(queue.depth() == 0);
  CHECK_FALSE(queue.take(kQueueStart).has_value());
  queue.done(kA);
  CHECK(take_all(queue, kQueueStart) == std::vector{kA});
}

TEST_CASE("done for a key that nobody works on changes nothing") {
  WorkQueue queue;
  queue.add(kA, kQueueStart);
  queue.done(kA);
  CHECK(queue.depth() == 1);
}

TEST_CASE("a delayed key is ready at its time, not before") {
  WorkQueue queue;
  queue.add_at(kA, kQueueStart + 5s, kQueueStart);
  CHECK(queue.next_due() == kQueueStart + 5s);
  CHECK_FALSE(queue.take(kQueueStart + 4999ms).has_value());
  CHECK(take(queue, kQueueStart + 5s) == kA);
  CHECK_FALSE(queue.next_due().has_value());
}

TEST_CASE("of two delays the earlier holds, whichever came first") {
  for (const bool earlier_first : {true, false}) {
    WorkQueue queue;
    queue.add_at(kA, kQueueStart + (earlier_first ? 2s : 9s), kQueueStart);
    queue.add_at(kA, kQueueStart + (earlier_first ? 9s : 2s), kQueueStart);
    CHECK(queue.delayed() == 1);
    CHECK(queue.next_due() == kQueueStart + 2s);
    CHECK(take_all(queue, kQueueStart + 1h) == std::vector{kA});
  }
}

TEST_CASE("a delay of nothing is no delay") {
  WorkQueue queue;
  queue.add_at(kA, kQueueStart, kQueueStart);
  CHECK(queue.depth() == 1);
  CHECK(queue.delayed() == 0);
}

TEST_CASE("a key added at once keeps its delayed turn as well") {
  WorkQueue queue;
  queue.add_at(kA, kQueueStart + 5s, kQueueStart);
  queue.add(kA, kQueueStart);
  CHECK(take_all(queue, kQueueStart) == std::vector{kA});
  CHECK(take_all(queue, kQueueStart + 5s) == std::vector{kA});
}

TEST_CASE("a delayed key that becomes ready while it is worked on waits for the end of that") {
  WorkQueue queue;
  queue.add(kA, kQueueStart);
  REQUIRE(take(queue, kQueueStart) == kA);
  queue.add_at(kA, kQueueStart + 1s, kQueueStart);
  CHECK_FALSE(queue.take(kQueueStart + 2s).has_value());
  queue.done(kA);
  CHECK(take(queue, kQueueStart + 2s) == kA);
}

TEST_CASE("failures of a key are retried after 5 ms, doubled up to 16 minutes") {
  WorkQueue queue;
  std::chrono::milliseconds expected = 5ms;
  for (int failure = 0; failure < 40; ++failure) {
    CAPTURE(failure);
    CHECK(queue.retry(kA, kQueueStart) == expected);
    expected = std::min<std::chrono::milliseconds>(expected * 2, 16min);
  }
  CHECK(queue.retries() == 40);
  CHECK(queue.next_due() == kQueueStart + 5ms);
}

TEST_CASE("a backoff is no longer than told, and no shorter than was asked for") {
  WorkQueue queue;
  for (const auto expected : {5ms, 10ms, 20ms, 30ms, 30ms}) {
    CHECK(queue.retry(kA, kQueueStart, 30ms) == expected);
  }
  CHECK(queue.retry(kA, kQueueStart, 30ms, 7s) == 7s);
  CHECK(queue.retry(kB, kQueueStart, 1h, 7s) == 7s);
  CHECK(queue.retry(kB, kQueueStart, 1h, 1ms) == 10ms);
}

TEST_CASE("a forgotten key starts its backoff again, and others keep theirs") {
  WorkQueue queue;
  CHECK(queue.retry(kA, kQueueStart) == 5ms);
  CHECK(queue.retry(kB, kQueueStart) == 5ms);
  CHECK(queue.failing() == 2);
  queue.forget(kA);
  CHECK(queue.failing() == 1);
  CHECK(queue.retry(kA, kQueueStart) == 5ms);
  CHECK(queue.retry(kB, kQueueStart) == 10ms);
}

TEST_CASE("the oldest age is that of the key that has waited longest") {
  WorkQueue queue;
  CHECK(queue.oldest_age(kQueueStart) == 0s);
  queue.add(kA, kQueueStart);
  REQUIRE(take(queue, kQueueStart) == kA);
  queue.add(kA, kQueueStart + 1s);  // once more, after the current work
  queue.add(kB, kQueueStart + 2s);
  CHECK(queue.oldest_age(kQueueStart + 10s) == 8s);
  queue.done(kA);
  CHECK(queue.oldest_age(kQueueStart + 10s) == 9s);
}

TEST_CASE("no key is lost or worked on twice at once, whatever the order of things") {
  std::mt19937 random(7);
  const auto roll = [&](int sides) {
    return static_cast<int>(random() % static_cast<unsigned>(sides));
  };
  WorkQueue queue;
  auto now = kQueueStart;
  std::set<ObjectKey> working;
  std::set<ObjectKey> owed;  // added since their work last began
  for (int step = 0; step < 20'000; ++step) {
    const ObjectKey key{"", std::to_string(roll(8))};
    switch (roll(4)) {
      case 0:
        queue.add(key, now);
        owed.insert(key);
        break;
      case 1:
        queue.add_at(key, now + std::chrono::milliseconds(roll(20)), now);
        owed.insert(key);
        break;
      case 2:
        if (auto taken = queue.take(now)) {
          REQUIRE(working.insert(taken->key).second);
          owed.erase(taken->key);
        }
        break;
      default:
        if (!working.empty()) {
          queue.done(*working.begin());
          working.erase(working.begin());
        }
    }
    now += 1ms;
  }
  for (const ObjectKey& key : working) queue.done(key);
  const auto rest = take_all(queue, now + 1h);
  for (const ObjectKey& key : owed) CHECK(std::find(rest.begin(), rest.end(), key) != rest.end());
  CHECK(queue.depth() + queue.delayed() + queue.in_progress() == 0);
}

TEST_CASE("the queue tells how long keys have waited and are being worked on") {
  WorkQueue queue;
  queue.add(kA, kQueueStart);
  queue.add(kB, kQueueStart + 1s);
  CHECK(queue.oldest_age(kQueueStart + 3s) == 3s);
  CHECK(queue.take(kQueueStart + 3s)->waited == 3s);
  CHECK(queue.take(kQueueStart + 5s)->waited == 4s);
  CHECK(queue.unfinished_work(kQueueStart + 6s) == 4s);
  CHECK(queue.longest_work(kQueueStart + 6s) == 3s);
  queue.done(kA);
  queue.done(kB);
  CHECK(queue.unfinished_work(kQueueStart + 6s) == 0s);
  CHECK(queue.longest_work(kQueueStart + 6s) == 0s);
}

}  // namespace receiver::kube
