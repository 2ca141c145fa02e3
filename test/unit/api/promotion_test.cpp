#include "api/promotion.h"

#include <catch2/catch.hpp>

#include "test/unit/api/objects.h"

namespace receiver::api {
namespace {

using Urls = std::vector<std::string>;

Urls urls_of(const std::string& json) {
  const auto object = projected(json, promotion_projection());
  const auto promotion = decode_promotion(meta("team", "p"), object);
  REQUIRE(promotion.has_value());
  return promotion->pull_request_urls;
}

std::string promotion(const std::string& phase, int current) {
  return R"({"spec": {"steps": [
      {"uses": "git-open-pr", "as": "open"},
      {"uses": "git-wait-for-pr", "as": "wait-1"},
      {"uses": "git-wait-for-pr", "as": "wait-2"}]},
    "status": {"phase": ")" +
         phase + R"(", "currentStep": )" + std::to_string(current) + R"(, "state": {
      "open": {"pr": {"url": "https://h/pr/0"}},
      "wait-1": {"pr": {"id": 1, "url": "https://h/pr/1"}},
      "wait-2": {"pr": {"id": 2, "url": "https://h/pr/2"}}}}})";
}

}  // namespace

TEST_CASE(
    "a running Promotion waits for the pull requests of its wait steps up to the current one") {
  CHECK(urls_of(promotion("Running", 0)).empty());
  CHECK(urls_of(promotion("Running", 1)) == Urls{"https://h/pr/1"});
  CHECK(urls_of(promotion("Running", 2)) == Urls{"https://h/pr/1", "https://h/pr/2"});
  CHECK(urls_of(promotion("Running", 99)) == Urls{"https://h/pr/1", "https://h/pr/2"});
  CHECK(urls_of(promotion("Running", -1)).empty());
}

TEST_CASE("a Promotion that is not running waits for nothing") {
  for (const char* phase : {"", "Pending", "Succeeded", "Failed", "Errored", "Aborted"}) {
    INFO(phase);
    CHECK(urls_of(promotion(phase, 2)).empty());
  }
}

TEST_CASE("a Promotion of any shape decodes") {
  for (
      const char* json : {
          R"({})",
          R"({"spec": {"steps": []}, "status": {"phase": "Running", "state": {}}})",
          R"({"spec": {"steps": [{"uses": "git-wait-for-pr"}]}, "status": {"phase": "Running", "state": {"": {"pr": {"url": "u"}}}}})",
          R"({"spec": {"steps": [{"uses": "git-wait-for-pr", "as": "w"}]}, "status": {"phase": "Running", "state": {"w": {"pr": {"url": 1}}}}})",
          R"({"spec": {"steps": [{"uses": "git-wait-for-pr", "as": "w"}]}, "status": {"phase": "Running", "state": {"w": "x"}}})",
      }) {
    INFO(json);
    CHECK(urls_of(json).empty());
  }
}

}  // namespace receiver::api
