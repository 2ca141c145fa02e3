#include "webhook/delivery.h"

#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "test/unit/webhook/delivery_fixture.h"

namespace receiver::webhook {

namespace {

constexpr auto kInvalid = kube::ApiError::Kind::kInvalid;
constexpr auto kServer = kube::ApiError::Kind::kServer;

}  // namespace

// The answer.

TEST_CASE_METHOD(Fixture, "an event that calls for nothing is answered 200, whatever its body") {
  warehouses.abort_replace();
  const std::vector<std::pair<std::string, std::string>> rows{
      {"repo:fork", "repo:fork"},
      {"", ""},
      {"REPO:PUSH", "REPO:PUSH"},
      {R"(a"b\c)", R"(a\"b\\c)"},
      {std::string(500, 'x'), std::string(100, 'x')},
  };
  for (const auto& [event, shown] : rows) {
    check(deliver(event, "no JSON"), 200, msg(R"(event type \")" + shown + R"(\" is ignored)"));
  }
  head.headers = {{"X-Hub-Signature", signature("")}};
  check(send(""), 200, msg(R"(event type \"\" is ignored)"));
  CHECK(deliveries->counters().of(Outcome::kIgnoredEvent) == rows.size() + 1);
  CHECK(log("INFO").find("outcome=ignored_event") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "a signed body that is no JSON object is answered 400") {
  for (const std::string body : {"", "[]", "null", "{", "repo=push", "{} {}"}) {
    for (const std::string event : {"repo:push", "repo:refs_changed", "pr:merged"}) {
      INFO(event << " " << body);
      check(deliver(event, body), 400, error("invalid request body"));
    }
  }
  CHECK(deliveries->counters().of(Outcome::kBadBody) == 18);
  CHECK(log("WARN").find("not a JSON object") != std::string::npos);
}

TEST_CASE("a delivery whose store is not synced is answered 503, but only that") {
  struct Unsynced : Fixture {
    kube::Store<api::Warehouse> unsynced_warehouses{api::decode_warehouse, warehouse_index_keys};
    kube::Store<api::Promotion> unsynced_promotions{api::decode_promotion, promotion_index_keys};
    void with(const kube::Store<api::Warehouse>& w, const kube::Store<api::Promotion>& p) {
      deliveries.emplace(routes, w, p, *late_targets, *refresher, DeliveryOptions{}, logger);
    }
  } f;
  const auto check_not_ready = [](const http::Response& response, const std::string& body) {
    check(response, 503, body);
    CHECK(response.headers.find("Retry-After") == "1");
  };
  SECTION("Warehouses") {
    f.with(f.unsynced_warehouses, f.promotions);
    check_not_ready(f.deliver("repo:push", kCloudPush), error("warehouses are not synced"));
    CHECK(f.deliver("pr:merged", kCenterPull).status == 200);
  }
  SECTION("Promotions") {
    f.with(f.warehouses, f.unsynced_promotions);
    check_not_ready(f.deliver("pr:merged", kCenterPull), error("promotions are not synced"));
    CHECK(f.deliver("repo:push", kCloudPush).status == 200);
  }
  CHECK(f.deliveries->counters().of(Outcome::kNotReady) == 1);
}

// The effect.

TEST_CASE_METHOD(Fixture, "every event that counts refreshes what it is for") {
  add_warehouses({"a", "b"});
  warehouse({"apples", "other-branch"}, {R"("repoURL":")" + kRepository + R"(","branch":"x")"});
  promotion({"apples", "p"}, kPull);
  promotion({"pears", "p"}, kPull);
  struct Row {
    std::string event;
    std::string body;
    std::string answer;
    Names patched;
  };
  const std::string two = msg("refreshed 2 warehouse(s)");
  const std::string one = msg("refreshed 1 promotion(s)");
  const std::vector<Row> rows{
      {"repo:push", kCloudPush, two, {"apples/a", "apples/b"}},
      {"repo:refs_changed", kCenterPush, two, {"apples/a", "apples/b"}},
      {"pullrequest:fulfilled", kCloudPull, one, {"apples/p"}},
      {"pullrequest:rejected", kCloudPull, one, {"apples/p"}},
      {"pr:merged", kCenterPull, one, {"apples/p"}},
      {"pr:declined", kCenterPull, one, {"apples/p"}},
      {"pr:deleted", kCenterPull, one, {"apples/p"}},
  };
  for (const Row& row : rows) {
    INFO(row.event);
    check(deliver(row.event, row.body), 200, row.answer);
    CHECK(take_patched() == row.patched);
  }
  CHECK(deliveries->counters().of(Outcome::kOk) == rows.size());
}

TEST_CASE_METHOD(Fixture, "a delivery that nothing waits for is answered 200") {
  check(deliver("repo:push", kCloudPush), 200, msg("refreshed 0 warehouse(s)"));
  check(deliver("pr:merged", kCenterPull), 200, msg("refreshed 0 promotion(s)"));
  CHECK(log("WARN").empty());
}

TEST_CASE_METHOD(Fixture, "a delivery that names nothing is answered 200, with a warning") {
  add_warehouses({"w"});
  promotion({"apples", "p"}, kPull);
  check(deliver("repo:push", "{}"), 200, msg("refreshed 0 warehouse(s)"));
  CHECK(log("WARN").find("names no repository") != std::string::npos);
  check(deliver("pr:merged", "{}"), 200, msg("refreshed 0 promotion(s)"));
  CHECK(log("WARN").find("names no pull request") != std::string::npos);
  CHECK(take_patched().empty());
}

TEST_CASE_METHOD(Fixture, "a Warehouse that is gone counts as done") {
  add_warehouses({"w"});
  fail("w", kube::ApiError::Kind::kNotFound, 404, "NotFound");
  check(deliver("repo:push", kCloudPush), 200, msg("refreshed 1 warehouse(s)"));
}

TEST_CASE_METHOD(Fixture, "what is not done at the deadline is failed to Cloud, queued otherwise") {
  add_warehouses({"done", "hangs", "retried"});
  promotion({"apples", "hangs"}, kPull);
  hanging = {"hangs"};
  fail("retried", kServer, 500);
  auto response = deliver_late("repo:push", kCloudPush);
  check(response, 503, error("failed to refresh 2 of 3 warehouses"));
  CHECK(response.headers.find("Retry-After") == "1");
  response = deliver_late("pullrequest:fulfilled", kCloudPull);
  check(response, 503, error("failed to refresh 1 of 1 promotion(s)"));
  CHECK(response.headers.find("Retry-After") == "1");

  response = deliver_late("repo:refs_changed", kCenterPush);
  check(response, 202, msg("queued 2 of 3 warehouses"));
  CHECK_FALSE(response.headers.find("Retry-After"));
  response = deliver_late("pr:merged", kCenterPull);
  check(response, 202, msg("queued 1 of 1 promotion(s)"));

  CHECK(deliveries->counters().of(Outcome::kQueued) == 4);
  CHECK(log("INFO").find("outcome=queued") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "the answer deadline runs from the request's first byte") {
  add_warehouses({"hangs"});
  hanging = {"hangs"};
  const auto begun = Steady::now();
  first_byte = begun - 8s;
  check(deliver("repo:push", kCloudPush), 503, error("failed to refresh 1 of 1 warehouses"));
  CHECK(Steady::now() - begun < 4s);
}

TEST_CASE_METHOD(Fixture, "how long a delivery took is told from its first byte on") {
  first_byte = Steady::now() - 3s;
  deliver("repo:fork", kCloudPush);
  CHECK(answered.empty());  // causes no action
  CHECK(lines.back().find(" duration_ms=3") != std::string::npos);
  deliver("repo:push", kCloudPush);
  deliver("pr:merged", kCenterPull);
  REQUIRE(answered.size() == 2);
  CHECK(answered[0].first == bitbucket::Source::kCloud);
  CHECK(answered[1].first == bitbucket::Source::kDataCenter);
  for (const auto& [source, took] : answered) {
    CHECK(took >= 3s);
    CHECK(took < 10s);
  }
}

TEST_CASE_METHOD(Fixture, "what is queued is still applied after the answer") {
  add_warehouses({"w"});
  fail("w", kServer, 503);
  make_refresher({.first_backoff = 1ms, .longest_backoff = 2ms});
  first_byte = Steady::now() - 8s;
  check(deliver("repo:refs_changed", kCenterPush), 202, msg("queued 1 of 1 warehouses"));
  failures.clear();
  while (refresher->counters().warehouses.applied == 0) REQUIRE(io.run_one() == 1);
}

TEST_CASE_METHOD(Fixture, "what the API server refuses for good dominates what is queued") {
  add_warehouses({"done", "refused", "hangs"});
  promotion({"apples", "refused"}, kPull);
  hanging = {"hangs"};
  const auto [kind, status] = GENERATE(std::pair(kInvalid, 422U), std::pair(kInvalid, 400U));
  fail("refused", kind, status);
  const std::string warehouses_failed = error("failed to refresh 2 of 3 warehouses");
  const std::string promotions_failed = error("failed to refresh 1 of 1 promotion(s)");
  check(deliver_late("repo:push", kCloudPush), 500, warehouses_failed);
  check(deliver_late("repo:refs_changed", kCenterPush), 202, warehouses_failed);
  check(deliver_late("pullrequest:rejected", kCloudPull), 500, promotions_failed);
  check(deliver_late("pr:deleted", kCenterPull), 202, promotions_failed);
  CHECK(deliveries->counters().of(Outcome::kFailed) == 4);
  CHECK(log("INFO").find("outcome=failed") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "at the bound of the refresher the answer is 503 to both") {
  make_refresher({.objects_waiting = 1});
  add_warehouses({"a", "b"});
  for (const auto& [event, body] :
       {std::pair("repo:push", kCloudPush), std::pair("repo:refs_changed", kCenterPush)}) {
    const auto response = deliver(event, body);
    check(response, 503, error("overloaded"));
    CHECK(response.headers.find("Retry-After"));
  }
  CHECK(deliveries->counters().of(Outcome::kOverloaded) == 2);
  CHECK(take_patched().empty());
}

// What is logged.

TEST_CASE_METHOD(Fixture, "an authenticated delivery is one line that says all about it") {
  add_warehouses({"w"});
  std::string body = kCloudPush;
  body.insert(body.find("bitbucket.org"), "user:pass@");
  head.headers = {
      {"X-Request-UUID", "uuid-1"}, {"X-Request-Id", "id-2"}, {"traceparent", "00-4bf9-00f0-01"}};
  deliver("repo:push", body);
  REQUIRE(lines.size() == 1);
  for (const std::string part :
       {"INFO", "delivery=uuid-1", "traceparent=00-4bf9-00f0-01", "event=repo:push", "source=cloud",
        "project=apples", "receiver=receiver-of-apples", "url=https://bitbucket.org/orchard/fruit",
        "outcome=ok", "applied=1", "queued=0", "refused=0", "duration_ms="}) {
    INFO(lines[0]);
    CHECK(lines[0].find(part) != std::string::npos);
  }
  CHECK(lines[0].find("pass") == std::string::npos);

  SECTION("Data Center names its deliveries otherwise") {
    head.headers = {{"X-Request-Id", "id-2"}};
    deliver("pr:merged", kCenterPull);
    REQUIRE(lines.size() == 2);
    CHECK(lines[1].find("delivery=id-2") != std::string::npos);
    CHECK(lines[1].find("source=data_center") != std::string::npos);
  }
  SECTION("a name that is too long is cut") {
    head.headers = {{"X-Request-Id", std::string(5000, 'i')}};
    deliver(std::string(5000, 'e'), "{}");
    REQUIRE(lines.size() == 2);
    CHECK(lines[1].size() < 600);
  }
}

TEST_CASE_METHOD(Fixture, "strangers cause few lines, however many requests") {
  for (int i = 0; i < 100; ++i) send(kCloudPush);
  head.target = "/other";
  for (int i = 0; i < 100; ++i) send(kCloudPush);
  CHECK(lines.size() <= 6);  // one per second and reason
  CHECK(log("WARN").find("receiver=receiver-of-apples") != std::string::npos);
  CHECK(deliveries->counters().of(Outcome::kMissingSignature) == 100);
  CHECK(deliveries->counters().of(Outcome::kUnknownPath) == 100);
}

}  // namespace receiver::webhook
