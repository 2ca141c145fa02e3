#include "test/chaos/invariant.h"

#include <catch2/catch.hpp>

namespace receiver::chaos {

using clock::format_nanos;

namespace {

Time at(int milliseconds) {
  return clock::parse_rfc3339("2026-01-02T03:04:05Z").value() +
         std::chrono::milliseconds(milliseconds);
}

/// Arrives after 10 ms and is answered at 20 ms.
SentDelivery answered(unsigned status, std::vector<std::string> targets = {"shop/app"},
                      bool cloud = true) {
  return {cloud,
          std::move(targets),
          at(0),
          at(10),
          at(20),
          status,
          status == 503 ? "{\"error\":\"failed to refresh 1 of 1 warehouses\"}\n" : ""};
}

Change change(int milliseconds, std::string object = "shop/app") {
  return {std::move(object), format_nanos(at(milliseconds))};
}

std::size_t lost(const std::vector<SentDelivery>& deliveries, const std::vector<Change>& changes) {
  return check(deliveries, changes).acknowledged.broken;
}

}  // namespace

TEST_CASE("an acknowledged delivery is kept by a refresh that began between arrival and answer") {
  CHECK(lost({answered(200)}, {change(5), change(15), change(30)}) == 0);
}

TEST_CASE("an acknowledged delivery without such a refresh is lost") {
  CHECK(lost({answered(200)}, {}) == 1);
  CHECK(lost({answered(200)}, {change(15, "shop/other")}) == 1);
}

TEST_CASE("a refresh that began before the delivery arrived shows nothing of it") {
  CHECK(lost({answered(200)}, {change(5)}) == 1);
  CHECK(lost({answered(200)}, {change(10)}) == 1);
}

TEST_CASE("a refresh that began after the answer was not what was acknowledged") {
  CHECK(lost({answered(200)}, {change(30)}) == 1);
}

TEST_CASE("every target of an acknowledged delivery needs its own refresh") {
  const std::vector<SentDelivery> deliveries{answered(200, {"shop/app", "shop/api"})};
  CHECK(lost(deliveries, {change(15)}) == 1);
  CHECK(lost(deliveries, {change(15), change(16, "shop/api")}) == 0);
}

TEST_CASE("deliveries may share a refresh") {
  CHECK(lost({answered(200), answered(200)}, {change(15)}) == 0);
}

TEST_CASE("an acknowledged delivery with nothing to refresh is kept") {
  CHECK(lost({answered(200, {})}, {}) == 0);
}

TEST_CASE("what was queued is kept by any later refresh") {
  for (const bool cloud : {true, false}) {
    const SentDelivery queued = answered(cloud ? 503 : 202, {"shop/app"}, cloud);
    CHECK(check({queued}, {change(5)}).queued.broken == 1);
    CHECK(check({queued}, {change(30)}).queued.broken == 0);
    CHECK(check({queued}, {change(30)}).queued.promised == 1);
    CHECK(check({queued}, {}).acknowledged.promised == 0);
  }
}

TEST_CASE("what was turned away or not answered promises nothing") {
  SentDelivery overloaded = answered(503);
  overloaded.body = "{\"error\":\"overloaded\"}\n";
  const SentDelivery not_resent = answered(503, {"shop/app"}, false);
  for (const SentDelivery& sent :
       {overloaded, not_resent, answered(202), answered(0), answered(401)}) {
    const Findings findings = check({sent}, {});
    CHECK(findings.acknowledged.promised + findings.queued.promised == 0);
    CHECK(findings.nothing.broken == 1);
    CHECK(findings.examples.empty());
  }
  CHECK(check({answered(0)}, {change(30)}).nothing.broken == 0);
}

TEST_CASE("what is lost is told by example") {
  const std::vector<SentDelivery> many(Findings::kExamples + 3, answered(200));
  const Findings findings = check(many, {});
  CHECK(findings.acknowledged.broken == many.size());
  CHECK(findings.examples.size() == Findings::kExamples);
  CHECK(findings.examples.front() ==
        "sent until 2026-01-02T03:04:05.010000000Z, answered 200 at "
        "2026-01-02T03:04:05.020000000Z: no refresh of shop/app began in between");
}

TEST_CASE("a delivery is applied when the last of its targets has been refreshed for it") {
  const auto stored = [](int begun, int at_ms, const char* object) {
    return Change{object, format_nanos(at(begun)), at(at_ms)};
  };
  const SentDelivery sent = answered(200, {"shop/app", "shop/api"});
  const std::vector<Change> changes{stored(5, 12, "shop/app"),  // begun before it arrived
                                    stored(15, 18, "shop/app"), stored(16, 50, "shop/api"),
                                    stored(60, 70, "shop/app")};
  CHECK(applied_after(sent, changes) == std::chrono::milliseconds(40));
  CHECK(applied_after(answered(200, {"shop/app"}), changes) == std::chrono::milliseconds(8));
  CHECK(applied_after(answered(200, {"shop/app", "shop/web"}), changes) == std::nullopt);
  CHECK(applied_after(answered(200, {}), changes) == std::chrono::milliseconds(0));
}

TEST_CASE("a token that is no time ends the check") {
  CHECK_THROWS(check({answered(200)}, {{"shop/app", "now"}}));
}

}  // namespace receiver::chaos
