#include "api/warehouse.h"

#include <catch2/catch.hpp>

#include "test/unit/api/objects.h"

namespace receiver::api {
namespace {

Warehouse warehouse_of(const std::string& json) {
  const auto object = projected(json, warehouse_projection());
  auto warehouse = decode_warehouse(meta("team", "web"), object);
  REQUIRE(warehouse.has_value());
  return std::move(*warehouse);
}

}  // namespace

TEST_CASE("of a Warehouse its Git subscriptions are kept, and nothing else") {
  const Warehouse warehouse = warehouse_of(R"({
    "metadata": {"name": "web"},
    "spec": {"interval": "5m", "subscriptions": [
      {"image": {"repoURL": "example.com/image"}},
      {"name": "code", "git": {"repoURL": "https://bitbucket.org/ws/repo.git", "branch": "main",
        "includePaths": ["a", null, "glob:b/**"], "excludePaths": ["a/docs"], "commitSelectionStrategy": "SemVer", "semverConstraint": "^1.0.0",
        "strictSemvers": true, "allowTagsRegexes": ["^v", 7], "ignoreTagsRegexes": ["-rc"]}},
      {"chart": {"repoURL": "oci://example.com/chart"}},
      {"custom": {"anything": [1, 2]}}]},
    "status": {"discoveredArtifacts": {"git": [{"commits": [{"id": "abc"}]}]}}})");
  CHECK(warehouse.key.str() == "team/web");
  REQUIRE(warehouse.subscriptions.size() == 1);
  const git::Subscription& subscription = warehouse.subscriptions[0];
  CHECK(subscription.repo_url == "https://bitbucket.org/ws/repo.git");
  CHECK(subscription.branch == "main");
  CHECK(subscription.strategy == git::Strategy::kSemVer);
  CHECK(subscription.semver_constraint == "^1.0.0");
  CHECK(subscription.strict_semvers);
  CHECK(subscription.allow_tags_regexes == std::vector<std::string>{"^v"});
  CHECK(subscription.ignore_tags_regexes == std::vector<std::string>{"-rc"});
  CHECK(subscription.paths == git::PathRules({"a", "glob:b/**"}, {"a/docs"}));
}

TEST_CASE("a Warehouse of any shape decodes") {
  for (
      const char* json : {
          R"({})",
          R"({"spec": null})",
          R"({"spec": {"subscriptions": {}}})",
          R"({"spec": {"subscriptions": [null, 1, "x", [], {"git": null}, {"git": {"repoURL": 5}}]}})",
      }) {
    INFO(json);
    CHECK(warehouse_of(json).subscriptions.empty());
  }
}

}  // namespace receiver::api
