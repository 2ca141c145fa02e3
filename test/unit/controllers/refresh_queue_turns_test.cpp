#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "controllers/refresh_queue.h"
#include "test/unit/controllers/refresh_queue_script.h"

namespace receiver::controllers {

TEST_CASE("no more PATCHes are in flight than allowed, and objects take turns") {
  Script script({.patches_in_flight = 2});
  script.add(1, {"a", "b", "c", "d"});
  CHECK(script.start() == Objects{"a", "b"});
  script.add(2, {"a"});
  script.finish("a", kAccepted);
  CHECK(script.start() == Objects{"c"});  // and a goes to the back
  script.finish("b", kAccepted);
  CHECK(script.start() == Objects{"d"});
  script.finish("c", kAccepted);
  CHECK(script.start() == Objects{"a"});
}

TEST_CASE("projects take turns, however many objects one of them has") {
  Script script({.patches_in_flight = 1});
  script.add(1, {"mono/1", "mono/2", "mono/3", "mono/4", "mono/5"});
  script.add(2, {"a/1"});
  script.add(3, {"b/1", "b/2"});
  Objects order;
  for (Objects started = script.start(); !started.empty(); started = script.start()) {
    order.push_back(started[0]);
    script.finish(started[0], kAccepted);
    if (started[0] == "mono/2") script.add(4, {"c/1"});
  }
  CHECK(order ==
        Objects{"mono/1", "a/1", "b/1", "mono/2", "b/2", "mono/3", "c/1", "mono/4", "mono/5"});
}

namespace {

/// "project/1" to "project/count".
Objects objects_of(const std::string& project, std::size_t count) {
  Objects names;
  for (std::size_t i = 1; i <= count; ++i) names.push_back(project + "/" + std::to_string(i));
  return names;
}

}  // namespace

TEST_CASE("a project alone may have two thirds of the PATCHes in flight, at least one") {
  for (const auto& [slots, filled] : std::vector<std::pair<std::size_t, std::size_t>>{
           {1, 1}, {2, 2}, {3, 2}, {4, 3}, {5, 4}, {64, 43}, {1'000, 667}}) {
    CAPTURE(slots);
    Script script({.patches_in_flight = slots});
    script.add(1, objects_of("mono", slots + 1));
    CHECK(script.start().size() == filled);
    script.finish("mono/1", kAccepted);
    CHECK(script.start().size() == 1);
  }
}

TEST_CASE("a project whose PATCHes all hang leaves slots for one that comes later") {
  Script script({.patches_in_flight = 64});
  script.add(1, objects_of("hangs", 100));
  Objects hanging = script.start();
  script.add(2, {"a/1"});
  REQUIRE(script.start() == Objects{"a/1"});
  script.finish("a/1", kAccepted);
  REQUIRE(script.start().empty());  // and keeps them free

  // Also each time after its PATCHes have timed out.
  for (RefreshQueue::DeliveryId round = 3; round < 10; ++round) {
    script.now += 10s;
    Objects again;
    for (const std::string& name : hanging) {
      script.finish(name, failed(Kind::kUnreachable));
      for (const std::string& started : script.start()) again.push_back(started);
    }
    CHECK(again.size() == 43);
    hanging = again;
    script.add(round, {"a/" + std::to_string(round)});
    REQUIRE(script.start() == Objects{"a/" + std::to_string(round)});
    script.finish("a/" + std::to_string(round), kAccepted);
  }
}

TEST_CASE("projects whose PATCHes all hang at once leave slots for one that comes later") {
  for (const auto& [projects, filled] :
       std::vector<std::pair<std::size_t, std::size_t>>{{2, 52}, {3, 55}, {10, 61}, {31, 63}}) {
    CAPTURE(projects);
    Script script({.patches_in_flight = 64});
    for (std::size_t i = 1; i <= projects; ++i) {
      script.add(i, objects_of("hangs-" + std::to_string(i), 100));
    }
    CHECK(script.start().size() == filled);
    script.add(100, {"a/1"});
    REQUIRE(script.start() == Objects{"a/1"});
  }
}

TEST_CASE("each project whose PATCHes hang leaves a third of what was free before it") {
  Script script({.patches_in_flight = 64});
  for (const std::size_t filled : {43U, 14U, 5U, 2U}) {
    script.add(filled, objects_of("hangs-" + std::to_string(filled), 100));
    REQUIRE(script.start().size() == filled);
  }
  // Then none is free. A new one gets the first that becomes free.
  script.add(100, {"a/1"});
  CHECK(script.start().empty());
  script.finish("hangs-43/1", failed(Kind::kUnreachable));
  REQUIRE(script.start() == Objects{"a/1"});
}

TEST_CASE("a project that holds half of the PATCHes in flight gives way to all that wait") {
  Script script({.patches_in_flight = 4});
  script.add(1, {"mono/1", "mono/2"});
  script.start();
  script.add(2, {"mono/3", "a/1", "a/2"});
  CHECK(script.start() == Objects{"a/1", "a/2"});
  script.finish("mono/1", kAccepted);
  CHECK(script.start() == Objects{"mono/3"});
}

TEST_CASE("a project with slow PATCHes has no more of them than others leave to it") {
  Script script({.patches_in_flight = 4});
  script.add(1, {"slow/1", "slow/2", "slow/3", "slow/4", "slow/5"});
  script.add(2, {"a/1", "a/2", "a/3", "a/4"});
  script.add(3, {"b/1"});
  CHECK(script.start() == Objects{"slow/1", "a/1", "b/1", "slow/2"});
  for (const auto& [ended, next] : std::vector<std::pair<std::string, std::string>>{
           {"a/1", "a/2"}, {"b/1", "a/3"}, {"a/2", "a/4"}}) {
    script.finish(ended, kAccepted);
    CHECK(script.start() == Objects{next});
  }
  script.finish("a/3", kAccepted);
  CHECK(script.start().empty());  // a slot is kept for another project
  script.finish("a/4", kAccepted);
  CHECK(script.start() == Objects{"slow/3"});
  script.add(4, {"a/1", "b/1"});
  CHECK(script.start() == Objects{"a/1"});
  script.finish("slow/1", kAccepted);
  CHECK(script.start() == Objects{"b/1"});
  script.finish("slow/2", kAccepted);
  CHECK(script.start() == Objects{"slow/4"});  // its turn was due long ago
}

TEST_CASE("a project with nothing in line or in flight takes no memory") {
  Script script({.patches_in_flight = 2});
  script.add(1, {"a/1", "b/1", "b/2"});
  CHECK(script.queue.projects() == 2);
  script.start();
  CHECK(script.queue.projects() == 2);
  script.finish("a/1", failed(Kind::kServer));
  CHECK(script.queue.projects() == 1);  // an object that backs off needs none
  script.finish("b/1", kAccepted);
  script.start();
  script.finish("b/2", failed(Kind::kInvalid));
  CHECK(script.queue.projects() == 1);
  script.start();
  script.finish("a/1", kObjectGone);
  CHECK(script.queue.projects() == 0);
}

}  // namespace receiver::controllers
