#include "controllers/refresh_queue.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "test/unit/controllers/refresh_queue_script.h"

namespace receiver::controllers {

TEST_CASE("a delivery is complete when each of its objects was patched") {
  Script script;
  script.add(1, {"a", "b"});
  CHECK(script.start() == Objects{"a", "b"});
  const auto first = script.finish("b", kAccepted);
  REQUIRE(first.served.size() == 1);
  CHECK_FALSE(first.served[0].complete);
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{1});
  CHECK(script.queue.size() == 0);
}

TEST_CASE("a PATCH that was in flight when a delivery arrived does not serve it") {
  Script script;
  script.add(1, {"a"});
  CHECK(script.start() == Objects{"a"});
  script.add(2, {"a"});
  CHECK(script.start().empty());  // one in flight per object
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{1});
  CHECK(script.start() == Objects{"a"});
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{2});
}

TEST_CASE("any number of deliveries share the PATCH that waits") {
  Script script;
  script.add(1, {"a"});
  script.start();
  CHECK(script.queue.add(2, {queued_warehouse("a")}, script.now) == 0U);
  CHECK(script.queue.add(3, {queued_warehouse("a"), queued_warehouse("b")}, script.now) == 1U);
  CHECK(script.queue.add(4, {queued_warehouse("a"), queued_warehouse("b")}, script.now) == 2U);
  script.start();
  script.finish("a", kAccepted);
  CHECK(script.start() == Objects{"a"});
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{2});
  CHECK(complete(script.finish("b", kAccepted)) == Deliveries{3, 4});
}

TEST_CASE("the wait of a refresh begins with the first delivery that it is for") {
  Script script;
  CHECK(script.queue.oldest_age(script.now) == 0s);
  script.add(1, {"a"});
  script.now += 1s;
  script.add(2, {"a"});
  script.now += 1s;
  CHECK(script.queue.oldest_age(script.now) == 2s);
  CHECK(script.start() == std::vector<std::string>{"a"});
  script.now += 1s;
  script.add(3, {"a"});
  script.now += 1s;
  const auto retried = script.finish("a", failed(Kind::kServer));
  CHECK(retried.waited == 4s);
  script.wait_for_retry();
  CHECK(script.start() == std::vector<std::string>{"a"});
  const auto waited = script.queue.oldest_age(script.now);
  CHECK(script.finish("a", kAccepted).waited == waited);
  CHECK(waited > 4s);
  CHECK(script.queue.oldest_age(script.now) == 0s);
}

TEST_CASE("Warehouses and Promotions of one name are different objects") {
  Script script;
  REQUIRE(script.queue.add(
      1, {{TargetKind::kWarehouse, {"p", "x"}}, {TargetKind::kPromotion, {"p", "x"}}}, script.now));
  CHECK(script.start().size() == 2);
}

TEST_CASE("more objects than the bound: nothing of the delivery is taken") {
  Script script({.objects_waiting = 3});
  script.add(1, {"a", "b"});
  CHECK_FALSE(script.queue.add(
      2, {queued_warehouse("b"), queued_warehouse("c"), queued_warehouse("d")}, script.now));
  CHECK(script.queue.size() == 2);
  script.add(3, {"a", "b", "c"});  // known ones do not count
  script.add(4, {"c", "a"});
  CHECK(script.start() == Objects{"a", "b", "c"});
  CHECK_FALSE(script.queue.add(5, {queued_warehouse("d")}, script.now));
  script.add(6, {"a"});
  script.finish("b", kAccepted);
  script.add(7, {"d"});
}

TEST_CASE("the memory of refused objects gives way to queued ones, the oldest first") {
  Script script({.objects_waiting = 2, .forbidden_for = 0ms});
  for (const char* name : {"a", "b"}) {
    script.add(1, {name});
    script.start();
    CHECK(script.finish(name, failed(Kind::kForbidden)).worth_a_line);
  }
  script.add(1, {"c"});
  script.start();
  script.finish("c", kAccepted);
  const auto known = [&](const char* name) {  // a known one was logged just now
    script.add(1, {name});
    script.start();
    return !script.finish(name, failed(Kind::kForbidden)).worth_a_line;
  };
  CHECK(known("b"));
  CHECK_FALSE(known("a"));
}

TEST_CASE("who leaves is not told, and the targets stay queued") {
  Script script;
  script.add(1, {"a", "b"});
  script.add(2, {"a"});
  script.start();
  script.queue.leave(1);
  script.queue.leave(1);
  CHECK(script.finish("b", failed_with_status(Kind::kServer)).verdict == Verdict::kRetry);
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{2});
  script.wait_for_retry();
  CHECK(script.start() == Objects{"b"});
  CHECK(script.finish("b", kAccepted).served.empty());
  CHECK(script.queue.size() == 0);
}

TEST_CASE("an object that keeps failing is worth a line every longest backoff") {
  Script script;
  script.add(1, {"a"});
  int lines = 0;
  const auto begin = script.now;
  while (script.now < begin + 10min) {
    script.start();
    if (script.finish("a", failed(Kind::kServer)).worth_a_line) ++lines;
    script.wait_for_retry();
  }
  CHECK(lines > 10);
  CHECK(lines <= 21);
}

TEST_CASE("before the end of the process every backoff is cut short") {
  Script script;
  script.add(1, {"a", "b"});
  script.start();
  script.finish("a", failed(Kind::kThrottled, 60s));
  for (int i = 0; i < 8; ++i) {
    script.finish("b", failed(Kind::kUnreachable));
    if (i == 7) break;
    script.wait_for_retry();
    script.start();
  }
  script.queue.retry_now();
  CHECK_FALSE(script.queue.next_retry());
  CHECK(script.start() == Objects{"b", "a"});
  CHECK(script.finish("b", failed(Kind::kUnreachable)).retry_in <= 200ms);
}

TEST_CASE("a closed client stops everything, and what was not applied can be named") {
  Script script({.patches_in_flight = 1});
  script.add(1, {"b", "a"});
  script.start();
  CHECK(script.finish("b", failed(Kind::kClosed)).verdict == Verdict::kStopped);
  CHECK(script.queue.stopped());
  CHECK(script.start().empty());
  CHECK(script.queue.unfinished() == std::vector{queued_warehouse("a"), queued_warehouse("b")});
}

}  // namespace receiver::controllers
