#include "kube/lease.h"

#include <chrono>
#include <string>

#include <catch2/catch.hpp>

#include "json/json.h"

namespace receiver::kube {

using namespace std::chrono_literals;

namespace {

const Candidate::Time kLeaseStart{1000h};
const clock::Wall::time_point kLeaseNow{std::chrono::seconds(1767323045)};  // 2026-01-02T03:04:05Z
constexpr std::string_view kNowText = "2026-01-02T03:04:05.000000Z";

Candidate candidate() {
  return {"me", 15s};
}

LeaseRecord held_by(std::string holder, std::string renewed = "2026-01-02T03:00:00.000000Z") {
  return {.holder = std::move(holder),
          .duration = 15s,
          .acquire_time = "2026-01-01T00:00:00.000000Z",
          .renew_time = std::move(renewed),
          .transitions = 3};
}

}  // namespace

TEST_CASE("without a Lease the candidate may claim, and it is the first holder") {
  auto me = candidate();
  CHECK(me.may_claim(kLeaseStart));
  CHECK(me.found() == Acquisition{});
  const auto record = me.claim(kLeaseNow);
  CHECK(record.holder == "me");
  CHECK(record.duration == 15s);
  CHECK(record.acquire_time == kNowText);
  CHECK(record.renew_time == kNowText);
  CHECK(record.transitions == 0);
}

TEST_CASE("another's lease may be claimed only when it has not changed for its whole duration") {
  auto me = candidate();
  me.observe(held_by("other"), kLeaseStart);
  CHECK_FALSE(me.may_claim(kLeaseStart));
  CHECK_FALSE(me.may_claim(kLeaseStart + 14999ms));
  CHECK(me.may_claim(kLeaseStart + 15s));
}

TEST_CASE("a lease is judged by local time since it was seen to change, not by the times in it") {
  SECTION("an ancient renewTime is no reason to take it") {
    auto me = candidate();
    me.observe(held_by("other", "1999-01-01T00:00:00.000000Z"), kLeaseStart);
    CHECK_FALSE(me.may_claim(kLeaseStart + 10s));
  }
  SECTION("nor does one in the future keep it") {
    auto me = candidate();
    me.observe(held_by("other", "2099-01-01T00:00:00.000000Z"), kLeaseStart);
    CHECK(me.may_claim(kLeaseStart + 15s));
  }
}

TEST_CASE("each renewal that is seen starts the time again, and seeing the same again does not") {
  auto me = candidate();
  me.observe(held_by("other", "a"), kLeaseStart);
  me.observe(held_by("other", "b"), kLeaseStart + 10s);
  CHECK_FALSE(me.may_claim(kLeaseStart + 24s));
  me.observe(held_by("other", "b"), kLeaseStart + 20s);
  CHECK(me.may_claim(kLeaseStart + 25s));
}

TEST_CASE("it is the holder's duration that counts, not the candidate's") {
  auto me = candidate();
  auto record = held_by("other");
  record.duration = 60s;
  me.observe(record, kLeaseStart);
  CHECK_FALSE(me.may_claim(kLeaseStart + 59s));
  CHECK(me.may_claim(kLeaseStart + 60s));
}

TEST_CASE("a new holder is a transition and a new acquireTime") {
  auto me = candidate();
  me.observe(held_by("other"), kLeaseStart);
  const auto record = me.claim(kLeaseNow);
  CHECK(record.transitions == 4);
  CHECK(record.acquire_time == kNowText);
}

TEST_CASE("a renewal keeps acquireTime and transitions") {
  auto me = candidate();
  me.observe(held_by("me"), kLeaseStart);
  CHECK(me.named());
  CHECK(me.may_claim(kLeaseStart));
  const auto record = me.claim(kLeaseNow);
  CHECK(record.transitions == 3);
  CHECK(record.acquire_time == "2026-01-01T00:00:00.000000Z");
  CHECK(record.renew_time == kNowText);
}

TEST_CASE("a lease that was given back may be claimed at once") {
  auto me = candidate();
  me.observe(held_by("me"), kLeaseStart);
  const auto given_back = me.release(kLeaseNow);
  CHECK(given_back.holder.empty());
  CHECK(given_back.duration == 1s);
  CHECK(given_back.transitions == 3);

  Candidate next("next", 15s);
  next.observe(given_back, kLeaseStart);
  CHECK(next.may_claim(kLeaseStart));
  CHECK(next.claim(kLeaseNow).transitions == 4);
}

TEST_CASE("how the lease was found tells a release from an expiry") {
  auto me = candidate();
  SECTION("given back") {
    me.observe(held_by(""), kLeaseStart);
    CHECK(me.found().released);
    CHECK_FALSE(me.found().own);
  }
  SECTION("expired") {
    me.observe(held_by("other"), kLeaseStart);
    CHECK(me.found() == Acquisition{.existed = true,
                                    .released = false,
                                    .own = false,
                                    .last_renewed = kLeaseNow - 4min - 5s});
  }
  SECTION("lost and found again") {
    me.observe(held_by("me"), kLeaseStart);
    CHECK(me.found().own);
  }
  SECTION("with a renewTime that cannot be read") {
    me.observe(held_by("other", "yesterday"), kLeaseStart);
    CHECK(me.found().existed);
    CHECK_FALSE(me.found().last_renewed.has_value());
  }
  SECTION("made beforehand, and never held") {
    me.observe(LeaseRecord{}, kLeaseStart);
    CHECK(me.may_claim(kLeaseStart));
    CHECK_FALSE(me.found().existed);
  }
}

TEST_CASE("a deleted Lease leaves nothing behind") {
  auto me = candidate();
  me.observe(held_by("other"), kLeaseStart);
  me.observe_none();
  CHECK(me.may_claim(kLeaseStart));
  CHECK(me.claim(kLeaseNow).transitions == 0);
}

TEST_CASE("a duration is written in whole seconds, rounded up") {
  CHECK(Candidate("me", 1500ms).claim(kLeaseNow).duration == 2s);
}

TEST_CASE("an update gives back all that it does not know, and the version it saw") {
  const auto seen =
      parse_lease(R"({"metadata":{"name":"l","resourceVersion":"42","labels":{"a":"b"}},
      "spec":{"holderIdentity":"other","leaseDurationSeconds":15,"leaseTransitions":3,
              "acquireTime":"2026-01-01T00:00:00.000000Z","renewTime":"2026-01-02T03:00:00.000000Z",
              "strategy":"OldestEmulationVersion"}})");
  REQUIRE(seen.has_value());
  CHECK(seen->record == held_by("other"));

  auto me = candidate();
  me.observe(seen->record, kLeaseStart);
  const auto body = json::parse(update_body(*seen, me.claim(kLeaseNow)));
  REQUIRE(body.has_value());
  CHECK(json::string_at(*body, "/metadata/resourceVersion") == "42");
  CHECK(json::string_at(*body, "/metadata/labels/a") == "b");
  CHECK(json::string_at(*body, "/spec/strategy") == "OldestEmulationVersion");
  CHECK(json::string_at(*body, "/spec/holderIdentity") == "me");
  CHECK(json::string_at(*body, "/spec/renewTime") == kNowText);
  CHECK(json::int_at(*body, "/spec/leaseDurationSeconds") == 15);
  CHECK(json::int_at(*body, "/spec/leaseTransitions") == 4);
}

TEST_CASE("a Lease without a spec is one that nobody holds") {
  const auto lease = parse_lease(R"({"metadata":{"resourceVersion":"1"}})");
  REQUIRE(lease.has_value());
  auto me = candidate();
  me.observe(lease->record, kLeaseStart);
  CHECK(me.may_claim(kLeaseStart));
  CHECK(json::string_at(*json::parse(update_body(*lease, me.claim(kLeaseNow))),
                        "/spec/holderIdentity") == "me");
}

TEST_CASE("an answer that is not a Lease is refused") {
  for (const std::string text :
       {"", "[]", "{}", "null", R"({"metadata":"x"})", R"({"metadata":{"resourceVersion":7}})"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_lease(text).has_value());
  }
}

TEST_CASE("a new Lease names its kind and its place") {
  const auto body = json::parse(create_body({"kargo", "bitbucket-receiver"}, held_by("a\"b")));
  REQUIRE(body.has_value());
  CHECK(json::string_at(*body, "/apiVersion") == "coordination.k8s.io/v1");
  CHECK(json::string_at(*body, "/kind") == "Lease");
  CHECK(json::string_at(*body, "/metadata/namespace") == "kargo");
  CHECK(json::string_at(*body, "/metadata/name") == "bitbucket-receiver");
  CHECK(json::string_at(*body, "/spec/holderIdentity") == "a\"b");
}

}  // namespace receiver::kube
