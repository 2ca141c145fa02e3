#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "controllers/refresh_queue.h"
#include "test/unit/controllers/refresh_queue_script.h"

namespace receiver::controllers {

TEST_CASE("one retry serves the deliveries of the failed PATCH and those that came meanwhile") {
  Script script;
  script.add(1, {"a"});
  script.start();
  script.add(2, {"a"});
  CHECK(script.finish("a", failed(Kind::kServer)).verdict == Verdict::kRetry);
  CHECK(script.start().empty());
  script.add(3, {"a"});
  script.wait_for_retry();
  CHECK(script.start() == Objects{"a"});
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
  CHECK(script.start() == Objects{"a"});
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{2});
}

TEST_CASE(
    "backoff doubles from the first to the cap, with jitter, and starts again after success") {
  Script script;
  script.add(1, {"a"});
  for (const milliseconds longest : {200ms, 400ms, 800ms, 1'600ms, 3'200ms, 6'400ms, 12'800ms,
                                     25'600ms, 30'000ms, 30'000ms, 30'000ms}) {
    CHECK(script.start() == Objects{"a"});
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
      CHECK(script.start() == Objects{"fine"});
      script.finish("fine", kAccepted);
    } else {  // by another request
      script.queue.server_is_back();
    }
    CHECK(script.start() == (c.tries ? Objects{"a"} : Objects{}));
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
    CHECK(script.start() == Objects{"a"});

    const auto in_full = script.finish("a", failed(Kind::kUnreachable));
    CHECK(in_full.retry_in >= longest / 2);
    CHECK(in_full.retry_in <= longest);
    script.queue.server_is_back();
    CHECK(script.start().empty());
    script.wait_for_retry();
    CHECK(script.start() == Objects{"a"});
  }
}

namespace {

/// Retries it until another verdict.
RefreshQueue::Finished retry_403(Script& script, const std::string& name) {
  for (;;) {
    REQUIRE(script.start() == Objects{name});
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
    REQUIRE(script.start() == Objects{"a"});
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

}  // namespace receiver::controllers
