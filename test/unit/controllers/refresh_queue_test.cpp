#include "controllers/refresh_queue.h"

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "test/support/eventually.h"

namespace receiver::controllers {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Kind = kube::ApiError::Kind;
using Verdict = RefreshQueue::Verdict;
using Deliveries = std::vector<RefreshQueue::DeliveryId>;

/// A Warehouse of the project before the slash, else of "project".
Target queued_warehouse(const std::string& name) {
  const auto slash = name.find('/');
  if (slash == std::string::npos) return {TargetKind::kWarehouse, {"project", name}};
  return {TargetKind::kWarehouse, {name.substr(0, slash), name.substr(slash + 1)}};
}

std::string name_of(const Target& target) {
  return target.key.ns == "project" ? target.key.name : target.key.str();
}

/// A 5xx without a Status comes from a load balancer.
kube::ApiResult<void> failed(Kind kind, std::optional<milliseconds> retry_after = std::nullopt) {
  return tl::unexpected(kube::ApiError{kind, 0, "", "no luck", retry_after});
}

kube::ApiResult<void> failed_with_status(Kind kind) {
  auto result = failed(kind);
  result.error().has_status = true;
  return result;
}

const kube::ApiResult<void> kAccepted;
const kube::ApiResult<void> kObjectGone =
    tl::unexpected(kube::ApiError{Kind::kNotFound, 404, "NotFound", "not found", std::nullopt});

/// A queue and its time, controlled by the test.
struct Script {
  explicit Script(RefresherOptions options = {}) : queue(options, 1) {}

  void add(RefreshQueue::DeliveryId delivery, const std::vector<std::string>& names) {
    std::vector<Target> targets;
    for (const std::string& name : names) targets.push_back(queued_warehouse(name));
    REQUIRE(queue.add(delivery, targets, now));
  }

  /// Starts all possible PATCHes, and returns their names.
  std::vector<std::string> start() {
    std::vector<std::string> names;
    while (const Target* target = queue.start(now)) names.push_back(name_of(*target));
    return names;
  }

  RefreshQueue::Finished finish(const std::string& name, const kube::ApiResult<void>& result) {
    return queue.finish(queued_warehouse(name), result, now);
  }

  /// Advances time until the next retry is due.
  void wait_for_retry() {
    REQUIRE(queue.next_retry());
    now = std::max(now, *queue.next_retry());
  }

  RefreshQueue queue;
  RefreshQueue::Time now{1h};
};

Deliveries complete(const RefreshQueue::Finished& finished) {
  Deliveries ids;
  for (const auto& served : finished.served) {
    if (served.complete) ids.push_back(served.delivery);
  }
  return ids;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a delivery is complete when each of its objects was patched") {
  Script script;
  script.add(1, {"a", "b"});
  CHECK(script.start() == Names{"a", "b"});
  const auto first = script.finish("b", kAccepted);
  REQUIRE(first.served.size() == 1);
  CHECK_FALSE(first.served[0].complete);
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{1});
  CHECK(script.queue.size() == 0);
}

TEST_CASE("a PATCH that was in flight when a delivery arrived does not serve it") {
  Script script;
  script.add(1, {"a"});
  CHECK(script.start() == Names{"a"});
  script.add(2, {"a"});
  CHECK(script.start().empty());  // one in flight per object
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{1});
  CHECK(script.start() == Names{"a"});
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
  CHECK(script.start() == Names{"a"});
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

TEST_CASE("no more PATCHes are in flight than allowed, and objects take turns") {
  Script script({.patches_in_flight = 2});
  script.add(1, {"a", "b", "c", "d"});
  CHECK(script.start() == Names{"a", "b"});
  script.add(2, {"a"});
  script.finish("a", kAccepted);
  CHECK(script.start() == Names{"c"});  // and a goes to the back
  script.finish("b", kAccepted);
  CHECK(script.start() == Names{"d"});
  script.finish("c", kAccepted);
  CHECK(script.start() == Names{"a"});
}

TEST_CASE("projects take turns, however many objects one of them has") {
  Script script({.patches_in_flight = 1});
  script.add(1, {"mono/1", "mono/2", "mono/3", "mono/4", "mono/5"});
  script.add(2, {"a/1"});
  script.add(3, {"b/1", "b/2"});
  Names order;
  for (Names started = script.start(); !started.empty(); started = script.start()) {
    order.push_back(started[0]);
    script.finish(started[0], kAccepted);
    if (started[0] == "mono/2") script.add(4, {"c/1"});
  }
  CHECK(order ==
        Names{"mono/1", "a/1", "b/1", "mono/2", "b/2", "mono/3", "c/1", "mono/4", "mono/5"});
}

namespace {

/// "project/1" to "project/count".
Names objects_of(const std::string& project, std::size_t count) {
  Names names;
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
  Names hanging = script.start();
  script.add(2, {"a/1"});
  REQUIRE(script.start() == Names{"a/1"});
  script.finish("a/1", kAccepted);
  REQUIRE(script.start().empty());  // and keeps them free

  // Also each time after its PATCHes have timed out.
  for (RefreshQueue::DeliveryId round = 3; round < 10; ++round) {
    script.now += 10s;
    Names again;
    for (const std::string& name : hanging) {
      script.finish(name, failed(Kind::kUnreachable));
      for (const std::string& started : script.start()) again.push_back(started);
    }
    CHECK(again.size() == 43);
    hanging = again;
    script.add(round, {"a/" + std::to_string(round)});
    REQUIRE(script.start() == Names{"a/" + std::to_string(round)});
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
    REQUIRE(script.start() == Names{"a/1"});
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
  REQUIRE(script.start() == Names{"a/1"});
}

TEST_CASE("a project that holds half of the PATCHes in flight gives way to all that wait") {
  Script script({.patches_in_flight = 4});
  script.add(1, {"mono/1", "mono/2"});
  script.start();
  script.add(2, {"mono/3", "a/1", "a/2"});
  CHECK(script.start() == Names{"a/1", "a/2"});
  script.finish("mono/1", kAccepted);
  CHECK(script.start() == Names{"mono/3"});
}

TEST_CASE("a project with slow PATCHes has no more of them than others leave to it") {
  Script script({.patches_in_flight = 4});
  script.add(1, {"slow/1", "slow/2", "slow/3", "slow/4", "slow/5"});
  script.add(2, {"a/1", "a/2", "a/3", "a/4"});
  script.add(3, {"b/1"});
  CHECK(script.start() == Names{"slow/1", "a/1", "b/1", "slow/2"});
  for (const auto& [ended, next] : std::vector<std::pair<std::string, std::string>>{
           {"a/1", "a/2"}, {"b/1", "a/3"}, {"a/2", "a/4"}}) {
    script.finish(ended, kAccepted);
    CHECK(script.start() == Names{next});
  }
  script.finish("a/3", kAccepted);
  CHECK(script.start().empty());  // a slot is kept for another project
  script.finish("a/4", kAccepted);
  CHECK(script.start() == Names{"slow/3"});
  script.add(4, {"a/1", "b/1"});
  CHECK(script.start() == Names{"a/1"});
  script.finish("slow/1", kAccepted);
  CHECK(script.start() == Names{"b/1"});
  script.finish("slow/2", kAccepted);
  CHECK(script.start() == Names{"slow/4"});  // its turn was due long ago
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

TEST_CASE("one retry serves the deliveries of the failed PATCH and those that came meanwhile") {
  Script script;
  script.add(1, {"a"});
  script.start();
  script.add(2, {"a"});
  CHECK(script.finish("a", failed(Kind::kServer)).verdict == Verdict::kRetry);
  CHECK(script.start().empty());
  script.add(3, {"a"});
  script.wait_for_retry();
  CHECK(script.start() == Names{"a"});
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{1, 2, 3});
  CHECK(script.start().empty());
  CHECK(script.queue.size() == 0);
}

TEST_CASE("what becomes of a PATCH") {
  struct Case {
    kube::ApiResult<void> result;
    Verdict verdict;
  };
  const std::vector<Case> cases{
      {kAccepted, Verdict::kApplied},
      {kObjectGone, Verdict::kGone},
      {failed(Kind::kNotFound), Verdict::kRetry},  // from a proxy, or for a kind that is not served
      {failed(Kind::kInvalid), Verdict::kRefused},
      {failed(Kind::kGone), Verdict::kRefused},
      {failed(Kind::kUnreachable), Verdict::kRetry},
      {failed(Kind::kUnauthorized), Verdict::kRetry},
      {failed(Kind::kForbidden), Verdict::kRetry},
      {failed(Kind::kConflict), Verdict::kRetry},
      {failed(Kind::kThrottled), Verdict::kRetry},
      {failed(Kind::kServer), Verdict::kRetry},
      {failed(Kind::kMalformed), Verdict::kRetry},
      {failed(Kind::kClosed), Verdict::kStopped},
  };
  for (const Case& c : cases) {
    CAPTURE(c.result ? "accepted" : std::to_string(static_cast<int>(c.result.error().kind)));
    Script script;
    script.add(1, {"a"});
    script.start();
    const auto finished = script.finish("a", c.result);
    CHECK(finished.verdict == c.verdict);
    const bool final = c.verdict == Verdict::kApplied || c.verdict == Verdict::kGone ||
                       c.verdict == Verdict::kRefused;
    CHECK(complete(finished) == (final ? Deliveries{1} : Deliveries{}));
    CHECK(script.queue.size() == (final ? 0 : 1));
    CHECK(script.queue.next_retry().has_value() == (c.verdict == Verdict::kRetry));
  }
}

TEST_CASE("a refused PATCH does not decide for deliveries that came meanwhile") {
  Script script;
  script.add(1, {"a"});
  script.start();
  script.add(2, {"a"});
  CHECK(complete(script.finish("a", failed(Kind::kInvalid))) == Deliveries{1});
  CHECK(script.start() == Names{"a"});
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{2});
}

TEST_CASE(
    "backoff doubles from the first to the cap, with jitter, and starts again after success") {
  Script script;
  script.add(1, {"a"});
  for (const milliseconds longest : {200ms, 400ms, 800ms, 1'600ms, 3'200ms, 6'400ms, 12'800ms,
                                     25'600ms, 30'000ms, 30'000ms, 30'000ms}) {
    CHECK(script.start() == Names{"a"});
    const auto before = script.now;
    const auto finished = script.finish("a", failed(Kind::kServer));
    CHECK(finished.retry_in >= longest / 2);
    CHECK(finished.retry_in <= longest);
    CHECK(script.queue.next_retry() == before + finished.retry_in);
    script.now += finished.retry_in - 1ms;
    CHECK(script.start().empty());
    script.now += 1ms;
  }
  script.start();
  script.add(2, {"a"});
  script.finish("a", kAccepted);
  script.start();
  CHECK(script.finish("a", failed(Kind::kServer)).retry_in <= 200ms);
}

TEST_CASE("objects that fail together do not come back together") {
  Script script;
  std::set<milliseconds> waits;
  for (int i = 0; i < 50; ++i) {
    script.add(static_cast<RefreshQueue::DeliveryId>(i), {std::to_string(i)});
    script.start();
    waits.insert(script.finish(std::to_string(i), failed(Kind::kServer)).retry_in);
  }
  CHECK(waits.size() > 20);
}

TEST_CASE("Retry-After is kept as told") {  // its limits are applied where it is parsed
  for (const milliseconds told : {0ms, 1'000ms, 60'000ms}) {
    Script script;
    script.add(1, {"a"});
    script.start();
    const auto finished = script.finish("a", failed(Kind::kThrottled, told));
    CHECK(finished.retry_in >= told + 100ms);
    CHECK(finished.retry_in <= told + 200ms);
  }
}

TEST_CASE("a first answer after an outage begins a new, short backoff") {
  Script script;
  script.add(1, {"a"});
  for (int i = 0; i < 12; ++i) {
    script.start();
    script.finish("a", failed(Kind::kUnreachable));
    script.wait_for_retry();
  }
  script.start();
  CHECK(script.finish("a", failed(Kind::kForbidden)).retry_in <= 200ms);
}

TEST_CASE("a success shows that the API server is back: who could not reach it tries at once") {
  struct Case {
    const char* what;
    kube::ApiResult<void> result;
    bool tries;
  };
  const std::vector<Case> cases{
      {"no answer", failed(Kind::kUnreachable), true},
      {"5xx of a load balancer", failed(Kind::kServer), true},
      {"5xx of a load balancer that names a time", failed(Kind::kServer, 30s), true},
      {"5xx of the API server", failed_with_status(Kind::kServer), false},
      {"429", failed(Kind::kThrottled, 60s), false},
      {"403", failed(Kind::kForbidden), false},
  };
  const bool by_refresh = GENERATE(true, false);
  for (const Case& c : cases) {
    CAPTURE(c.what);
    Script script;
    script.add(1, {"a"});
    script.start();
    script.finish("a", c.result);
    if (by_refresh) {
      script.add(2, {"fine"});
      CHECK(script.start() == Names{"fine"});
      script.finish("fine", kAccepted);
    } else {  // by another request
      script.queue.server_is_back();
    }
    CHECK(script.start() == (c.tries ? Names{"a"} : Names{}));
    CHECK(script.queue.next_retry().has_value() != c.tries);
  }
}

TEST_CASE(
    "a success elsewhere cuts a wait short once per step of the backoff, not again and again") {
  Script script;
  script.add(1, {"a"});
  script.start();
  for (const milliseconds longest : {200ms, 400ms, 800ms, 1'600ms}) {
    const auto cut_short = script.finish("a", failed(Kind::kUnreachable));
    CHECK(cut_short.retry_in >= longest / 2);
    CHECK(cut_short.retry_in <= longest);
    script.queue.server_is_back();
    CHECK(script.start() == Names{"a"});

    const auto in_full = script.finish("a", failed(Kind::kUnreachable));
    CHECK(in_full.retry_in >= longest / 2);
    CHECK(in_full.retry_in <= longest);
    script.queue.server_is_back();
    CHECK(script.start().empty());
    script.wait_for_retry();
    CHECK(script.start() == Names{"a"});
  }
}

namespace {

/// Retries it until another verdict.
RefreshQueue::Finished retry_403(Script& script, const std::string& name) {
  for (;;) {
    REQUIRE(script.start() == Names{name});
    auto finished = script.finish(name, failed(Kind::kForbidden));
    if (finished.verdict != Verdict::kRetry) return finished;
    script.wait_for_retry();
  }
}

}  // namespace

TEST_CASE("403 is retried for ten minutes, then refused, and refused at once soon after") {
  Script script;
  script.add(1, {"a"});
  const auto begin = script.now;
  const RefreshQueue::Finished finished = retry_403(script, "a");
  CHECK(finished.verdict == Verdict::kRefused);
  CHECK(finished.worth_a_line);
  CHECK(complete(finished) == Deliveries{1});
  CHECK(script.now - begin >= 10min);
  CHECK(script.now - begin <= 10min + 30s);
  CHECK(script.queue.size() == 0);

  for (int i = 0; i < 3; ++i) {
    script.now += 2min;
    script.add(2, {"a"});
    script.start();
    CHECK(script.finish("a", failed(Kind::kForbidden)).verdict == Verdict::kRefused);
  }

  SECTION("until one succeeds") {
    script.add(3, {"a"});
    script.start();
    script.finish("a", kAccepted);
    script.add(4, {"a"});
    script.start();
    CHECK(script.finish("a", failed(Kind::kForbidden)).verdict == Verdict::kRetry);
  }
  SECTION("but not what comes later: the API server may have been restarted meanwhile") {
    script.now += 2min + 1ms;
    script.add(3, {"a"});
    const auto again = script.now;
    CHECK(retry_403(script, "a").verdict == Verdict::kRefused);
    CHECK(script.now - again >= 10min);
  }
  SECTION("and it is forgotten then") {
    CHECK(script.queue.remembered() == 1);
    script.now += 2min;
    script.start();
    CHECK(script.queue.remembered() == 0);
  }
}

TEST_CASE("other failures in between do not restart the ten minutes of a 403") {
  Script script;
  script.add(1, {"a"});
  const auto begin = script.now;
  for (int i = 0;; ++i) {
    REQUIRE(script.start() == Names{"a"});
    const auto finished = script.finish(
        "a", i % 2 == 0 ? failed(Kind::kForbidden) : failed_with_status(Kind::kServer));
    if (finished.verdict == Verdict::kRefused) break;
    script.wait_for_retry();
  }
  CHECK(script.now - begin >= 10min);
  CHECK(script.now - begin <= 11min);
}

TEST_CASE("a 403 before an outage does not shorten the patience with the API server after it") {
  Script script;
  script.add(1, {"a"});
  script.start();
  script.finish("a", failed(Kind::kForbidden));
  const auto end = script.now + 9min;
  while (script.now < end) {
    script.wait_for_retry();
    script.start();
    script.finish("a", failed(Kind::kUnreachable));
  }
  script.wait_for_retry();
  const auto back = script.now;
  CHECK(retry_403(script, "a").verdict == Verdict::kRefused);
  CHECK(script.now - back >= 10min);
}

TEST_CASE("more objects than the bound: nothing of the delivery is taken") {
  Script script({.objects_waiting = 3});
  script.add(1, {"a", "b"});
  CHECK_FALSE(script.queue.add(
      2, {queued_warehouse("b"), queued_warehouse("c"), queued_warehouse("d")}, script.now));
  CHECK(script.queue.size() == 2);
  script.add(3, {"a", "b", "c"});  // known ones do not count
  script.add(4, {"c", "a"});
  CHECK(script.start() == Names{"a", "b", "c"});
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
  CHECK(script.start() == Names{"b"});
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
  CHECK(script.start() == Names{"b", "a"});
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

namespace {

/// Random arrivals, departures, answers and pauses, compared with the promises of SPEC 4.
class Model {
 public:
  explicit Model(std::uint32_t seed)
      : random_(seed), options_(options(1 + seed % 8)), queue_(options_, seed) {}

  void run() {
    for (int step = 0; step < 3'000; ++step) {
      now_ += milliseconds(below(40));
      switch (below(8)) {
        case 0:
        case 1:
          arrive();
          break;
        case 2:
          depart();
          break;
        default:
          start();
          if (!in_flight_.empty()) answer(below(100));
      }
    }
    for (int left = 10'000; queue_.size() > 0; --left) {
      REQUIRE(left > 0);
      start();
      while (!in_flight_.empty()) answer(0);
      if (queue_.next_retry()) now_ = std::max(now_, *queue_.next_retry());
    }
    CHECK(waiting_.empty());
    CHECK(wanted_since_.empty());
    CHECK(queue_.unfinished().empty());
    CHECK(queue_.projects() == 0);
  }

 private:
  struct Waiting {
    std::uint64_t arrived;
    std::set<std::string> targets;
  };

  static RefresherOptions options(std::size_t slots) {
    RefresherOptions options;
    options.patches_in_flight = slots;
    options.objects_waiting = 25;
    options.longest_backoff = 1'000ms;
    options.forbidden_for = 2'000ms;
    return options;
  }

  /// 30 objects: half in a large project, the others in three smaller ones.
  std::string any_name() {
    const unsigned number = below(30);
    const unsigned project = number < 15 ? 0 : 1 + number % 3;
    return "project-" + std::to_string(project) + "/" + std::to_string(number);
  }
  static std::string project_of(const std::string& name) { return name.substr(0, name.find('/')); }

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_()) % bound; }

  void arrive() {
    std::set<std::string> names;
    for (unsigned i = 1 + below(6); i > 0; --i) names.insert(any_name());
    std::vector<Target> targets;
    for (const auto& name : names) targets.push_back(queued_warehouse(name));
    std::set<std::string> known = names;
    for (const auto& [name, since] : wanted_since_) known.insert(name);
    for (const auto& [name, began] : in_flight_) known.insert(name);
    const auto shared = queue_.add(++events_, targets, now_);
    REQUIRE(shared.has_value() == (known.size() <= options_.objects_waiting));
    if (!shared) return;
    waiting_[events_] = {events_, names};
    for (const auto& name : names) wanted_since_[name] = events_;
  }

  void depart() {
    if (waiting_.empty()) return;
    auto leaver = waiting_.begin();
    std::advance(leaver, below(static_cast<unsigned>(waiting_.size())));
    queue_.leave(leaver->first);
    waiting_.erase(leaver);
  }

  [[nodiscard]] static RefreshQueue::Time time_of(
      const std::map<std::string, RefreshQueue::Time>& times, const std::string& name) {
    const auto found = times.find(name);
    return found == times.end() ? RefreshQueue::Time{} : found->second;
  }

  /// The projects with an object that may be patched now: it waits, and does not back off. (A
  /// success elsewhere may have ended a backoff earlier: there may be more.)
  [[nodiscard]] std::set<std::string> waiting_projects() const {
    std::set<std::string> projects;
    for (const auto& [name, since] : wanted_since_) {
      if (in_flight_.contains(name) || now_ < time_of(backs_off_until_, name)) continue;
      projects.insert(project_of(name));
    }
    return projects;
  }

  [[nodiscard]] std::size_t free() const { return options_.patches_in_flight - in_flight_.size(); }
  [[nodiscard]] std::size_t half() const { return (options_.patches_in_flight + 1) / 2; }

  [[nodiscard]] std::size_t held_by(const std::string& project) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        in_flight_, [&](const auto& patch) { return project_of(patch.first) == project; }));
  }

  void start() {
    for (;;) {
      const std::set<std::string> waiting = waiting_projects();
      const std::size_t threshold = 2 * free();
      const Target* target = queue_.start(now_);
      if (!target) break;
      const std::string name = target->key.str();
      REQUIRE(held_by(target->key.ns) < threshold);  // others find a slot later
      const bool new_one = in_flight_.emplace(name, ++events_).second;
      REQUIRE(new_one);  // never two of one object
      REQUIRE(in_flight_.size() <= options_.patches_in_flight);
      REQUIRE(wanted_since_.count(name) == 1);  // never one that nobody requested
      check_turn(target->key.ns, waiting, threshold);
      check_backoff(name);
    }
    REQUIRE(queue_.in_flight() == in_flight_.size());
    REQUIRE((free() == 0 || !queue_.next_retry() || *queue_.next_retry() > now_));
    // No slot is idle while a project below the threshold waits.
    for (const auto& project : waiting_projects()) REQUIRE(held_by(project) >= 2 * free());
    // A waiting object always waits for something that will happen.
    for (const auto& [name, since] : wanted_since_) {
      REQUIRE((in_flight_.contains(name) || queue_.next_retry() ||
               held_by(project_of(name)) >= 2 * free()));
    }
  }

  /// A PATCH of this project has started while those were waiting.
  void check_turn(const std::string& project, const std::set<std::string>& waiting,
                  std::size_t threshold) {
    const bool others_wait = waiting.size() > waiting.count(project);
    if (others_wait) REQUIRE(held_by(project) <= half());
    passed_.erase(project);
    std::erase_if(passed_, [&](const auto& entry) { return !waiting.contains(entry.first); });
    for (const std::string& other : waiting) {
      if (other == project) continue;
      if (held_by(other) >= std::min(threshold, half())) {
        passed_.erase(other);
      } else {
        const bool first_time = passed_[other].insert(project).second;
        REQUIRE(first_time);  // no project has two turns before others have one
      }
    }
  }

  void check_backoff(const std::string& name) {
    const bool early = now_ < time_of(backs_off_until_, name);
    REQUIRE_FALSE((early && was_early_.contains(name)));  // cut short at most every other time
    was_early_.erase(name);
    if (early) was_early_.insert(name);
    backs_off_until_.erase(name);
  }

  void answer(unsigned luck) {
    auto chosen = in_flight_.begin();
    std::advance(chosen, below(static_cast<unsigned>(in_flight_.size())));
    const auto [name, began] = *chosen;
    in_flight_.erase(chosen);
    const auto result = luck < 50   ? kAccepted
                        : luck < 60 ? kObjectGone
                        : luck < 65 ? failed(Kind::kInvalid)
                        : luck < 75 ? failed(Kind::kForbidden)
                        : luck < 80 ? failed(Kind::kThrottled, 300ms)
                        : luck < 90 ? failed(Kind::kUnreachable)
                        : luck < 95 ? failed(Kind::kServer)
                                    : failed_with_status(Kind::kServer);
    const auto finished = queue_.finish(queued_warehouse(name), result, now_);
    const bool done = finished.verdict != Verdict::kRetry;
    if (done) {
      was_early_.erase(name);
    } else {
      backs_off_until_[name] = now_ + finished.retry_in;
    }
    if (done && wanted_since_.at(name) < began) wanted_since_.erase(name);

    std::set<RefreshQueue::DeliveryId> served;
    for (const auto& [id, complete] : finished.served) {
      REQUIRE(done);
      REQUIRE(served.insert(id).second);
      Waiting& delivery = waiting_.at(id);
      REQUIRE(delivery.arrived < began);  // acknowledged means applied after the arrival
      REQUIRE(delivery.targets.erase(name) == 1);
      REQUIRE(complete == delivery.targets.empty());
      if (complete) waiting_.erase(id);
    }
    if (!done) return;
    for (const auto& [id, delivery] : waiting_) {  // and it serves all that it can
      REQUIRE((delivery.arrived > began || delivery.targets.count(name) == 0));
    }
  }

  std::minstd_rand random_;
  const RefresherOptions options_;
  RefreshQueue queue_;
  RefreshQueue::Time now_{1h};
  std::uint64_t events_ = 0;  ///< the order of arrivals and starts
  std::map<RefreshQueue::DeliveryId, Waiting> waiting_;
  std::map<std::string, std::uint64_t> in_flight_;     ///< object → start
  std::map<std::string, std::uint64_t> wanted_since_;  ///< object → last arrival not yet served
  std::map<std::string, RefreshQueue::Time> backs_off_until_;
  std::set<std::string> was_early_;  ///< their last wait was cut short
  /// Projects that wait and may have one more in flight → those that have had a turn meanwhile.
  std::map<std::string, std::set<std::string>> passed_;
};

}  // namespace

TEST_CASE("whatever happens: no acknowledgement without a later PATCH, and nothing is lost") {
  for (std::uint32_t seed = 1; seed <= (test::kSanitized ? 5 : 30); ++seed) {
    CAPTURE(seed);
    Model(seed).run();
  }
}

}  // namespace receiver::controllers
