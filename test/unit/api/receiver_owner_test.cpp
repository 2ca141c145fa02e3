#include "api/receiver_owner.h"

#include <catch2/catch.hpp>

#include "test/unit/api/objects.h"

namespace receiver::api {
namespace {

ReceiverOwner owner_of(const std::string& json) {
  const auto object = projected(json, owner_projection());
  auto owner = decode_owner(OwnerKind::kProjectConfig, meta("demo", "demo"), object);
  REQUIRE(owner.has_value());
  return std::move(*owner);
}

const std::string kFull = R"({
  "metadata": {"annotations": {"kargo.akuity.io/refresh": "now", "other": "x"}},
  "spec": {"promotionPolicies": [{"stage": "test"}], "webhookReceivers": [
    {"name": "hub", "github": {"secretRef": {"name": "s0"}}},
    {"name": "bucket", "bitbucket": {"secretRef": {"name": "s1"}}}]},
  "status": {"observedGeneration": 2, "lastHandledRefresh": "before",
    "webhookReceivers": [{"name": "hub", "path": "/github/1", "url": "https://h/github/1"}],
    "conditions": [{"type": "Ready", "status": "True", "reason": "Synced", "message": "m",
      "lastTransitionTime": "2026-01-02T03:04:05Z", "observedGeneration": 2}]}})";

}  // namespace

TEST_CASE("receivers keep their order, and those of other types are known by name only") {
  const ReceiverOwner owner = owner_of(kFull);
  CHECK(owner.project() == "demo");
  CHECK(owner.refresh == "now");
  REQUIRE(owner.receivers.size() == 2);
  CHECK(owner.receivers[0].name == "hub");
  CHECK_FALSE(owner.receivers[0].bitbucket);
  CHECK(owner.receivers[1].bitbucket);
  CHECK(owner.receivers[1].secret_name == "s1");
  CHECK(owner.has_bitbucket_receiver());
}

TEST_CASE("a status that is read and patched back is the same status") {
  const OwnerStatus status = owner_of(kFull).status;
  CHECK(status.observed_generation == 2);
  CHECK(status.last_handled_refresh == "before");
  REQUIRE(status.conditions.size() == 1);
  CHECK(status.conditions[0].last_transition_time == "2026-01-02T03:04:05Z");

  const std::string patch = status_patch(status, "77");
  CHECK(owner_of(patch).status == status);
  const auto document = json::parse(patch);
  REQUIRE(document.has_value());
  CHECK(json::string_at(*document, "/metadata/resourceVersion") == "77");
}

TEST_CASE("an entry that is not just name, path and URL is written back whole") {
  for (const char* entry :
       {R"({"name":"hub","path":"/p","url":"https://h/p","more":{"a":[1]}})",
        R"({"name":"hub","since":"2026"})", R"({"name":"hub"})",
        R"({"name":"hub","path":"/p","secret":"s"})", R"({"name":"hub","path":null,"url":7})"}) {
    INFO(entry);
    const OwnerStatus status =
        owner_of(std::string(R"({"status": {"webhookReceivers": [)") + entry + "]}}").status;
    const auto document = json::parse(status_patch(status, "1"));
    REQUIRE(document.has_value());
    const rapidjson::Value* receivers = json::find(*document, "/status/webhookReceivers");
    REQUIRE(receivers != nullptr);
    REQUIRE(receivers->Size() == 1);
    CHECK(json::to_text((*receivers)[0]) == entry);
  }
}

TEST_CASE("a condition of another that observed no generation is written back so") {
  const OwnerStatus status = owner_of(R"({"status": {"conditions": [{"type": "Healthy",
      "status": "True", "reason": "R", "message": "", "lastTransitionTime": "t"}]}})")
                                 .status;
  const auto document = json::parse(status_patch(status, "1"));
  REQUIRE(document.has_value());
  const rapidjson::Value* conditions = json::find(*document, "/status/conditions");
  REQUIRE(conditions != nullptr);
  REQUIRE(conditions->Size() == 1);
  CHECK(json::to_text((*conditions)[0]) ==
        R"({"type":"Healthy","status":"True","reason":"R","message":"","lastTransitionTime":"t"})");
}

TEST_CASE("an empty list of receivers is removed by the patch, not left as it was") {
  const auto document = json::parse(status_patch({}, "1"));
  REQUIRE(document.has_value());
  const rapidjson::Value* receivers = json::find(*document, "/status/webhookReceivers");
  REQUIRE(receivers != nullptr);
  CHECK(receivers->IsNull());
}

TEST_CASE("an owner of any shape decodes") {
  for (
      const char* json : {
          R"({})",
          R"({"spec": {"webhookReceivers": "x"}, "status": []})",
          R"({"spec": {"webhookReceivers": {}}, "status": {"conditions": {}, "webhookReceivers": 1}})",
      }) {
    INFO(json);
    CHECK(owner_of(json).receivers.empty());
  }
  const ReceiverOwner odd =
      owner_of(R"({"spec": {"webhookReceivers": [null, {"bitbucket": 1}, {"name": 5}]}})");
  CHECK(odd.receivers.size() == 3);
  CHECK_FALSE(odd.has_bitbucket_receiver());
}

TEST_CASE("a refresh patch sets the annotation, and nothing else") {
  CHECK(
      refresh_patch("2026-01-02T03:04:05.000000001Z") ==
      R"({"metadata":{"annotations":{"kargo.akuity.io/refresh":"2026-01-02T03:04:05.000000001Z"}}})");
}

}  // namespace receiver::api
