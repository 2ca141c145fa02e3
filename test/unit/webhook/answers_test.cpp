#include "webhook/answers.h"

#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <rapidjson/document.h>

namespace receiver::webhook {

using bitbucket::Action;
using bitbucket::EventKind;
using bitbucket::Source;
using controllers::RefreshOutcome;

TEST_CASE("a delivery is answered by what became of its refreshes and by who sent it") {
  constexpr EventKind kCloudPush{Source::kCloud, Action::kRefreshWarehouses};
  constexpr EventKind kCloudPull{Source::kCloud, Action::kRefreshPromotions};
  constexpr EventKind kCenterPush{Source::kDataCenter, Action::kRefreshWarehouses};
  constexpr EventKind kCenterPull{Source::kDataCenter, Action::kRefreshPromotions};
  struct Row {
    EventKind kind;
    RefreshOutcome refreshes;
    unsigned status;
    std::string key;
    std::string text;
    bool retry_after;
  };
  const std::vector<Row> rows{
      // clang-format off
      {kCloudPush,  {0, 0, 0, false}, 200, "msg", "refreshed 0 warehouse(s)", false},
      {kCloudPush,  {1, 0, 0, false}, 200, "msg", "refreshed 1 warehouse(s)", false},
      {kCenterPush, {4, 0, 0, false}, 200, "msg", "refreshed 4 warehouse(s)", false},
      {kCloudPull,  {1, 0, 0, false}, 200, "msg", "refreshed 1 promotion(s)", false},
      {kCenterPull, {2, 0, 0, false}, 200, "msg", "refreshed 2 promotion(s)", false},
      // Not done yet.
      {kCloudPush,  {1, 2, 0, false}, 503, "error", "failed to refresh 2 of 3 warehouses", true},
      {kCloudPush,  {0, 1, 0, false}, 503, "error", "failed to refresh 1 of 1 warehouses", true},
      {kCloudPull,  {0, 1, 0, false}, 503, "error", "failed to refresh 1 of 1 promotion(s)", true},
      {kCenterPush, {1, 2, 0, false}, 202, "msg", "queued 2 of 3 warehouses", false},
      {kCenterPull, {0, 2, 0, false}, 202, "msg", "queued 2 of 2 promotion(s)", false},
      // Never to be done; what is queued besides is not applied either.
      {kCloudPush,  {1, 0, 1, false}, 500, "error", "failed to refresh 1 of 2 warehouses", false},
      {kCloudPush,  {1, 2, 1, false}, 500, "error", "failed to refresh 3 of 4 warehouses", false},
      {kCloudPull,  {0, 0, 1, false}, 500, "error", "failed to refresh 1 of 1 promotion(s)", false},
      {kCenterPush, {1, 2, 1, false}, 202, "error", "failed to refresh 3 of 4 warehouses", false},
      {kCenterPull, {0, 0, 2, false}, 202, "error", "failed to refresh 2 of 2 promotion(s)", false},
      // Nothing was taken.
      {kCloudPush,  {0, 0, 0, true},  503, "error", "overloaded", true},
      {kCenterPull, {0, 0, 0, true},  503, "error", "overloaded", true},
      // clang-format on
  };
  for (const Row& row : rows) {
    INFO(row.status << " " << row.text);
    const http::Response response = refresh_response(row.kind, row.refreshes);
    CHECK(response.status == row.status);
    CHECK(response.body == "{\"" + row.key + "\":\"" + row.text + "\"}\n");
    CHECK(response.headers.find("Retry-After").has_value() == row.retry_after);
    CHECK_FALSE(response.close);
  }
}

TEST_CASE("whatever the event is called, the answer that names it is JSON of bounded length") {
  std::string all_bytes;
  for (int byte = 1; byte < 256; ++byte) all_bytes += static_cast<char>(byte);
  for (const std::string& name :
       {std::string(), std::string("repo:fork"), std::string(R"(a"b\c)"), std::string("a\tb"),
        std::string("\xC3\xA9\xFF"), all_bytes, std::string(10'000, '"')}) {
    const http::Response response = ignored_response(name);
    CHECK(response.status == 200);
    CHECK(response.body.size() < 700);
    CHECK(response.body.back() == '\n');
    rapidjson::Document document;
    document.Parse<rapidjson::kParseValidateEncodingFlag>(response.body);
    CHECK_FALSE(document.HasParseError());
  }
  CHECK(ignored_response("repo:fork").body ==
        "{\"msg\":\"event type \\\"repo:fork\\\" is ignored\"}\n");
  CHECK(ignored_response("").body == "{\"msg\":\"event type \\\"\\\" is ignored\"}\n");
  CHECK(ignored_response("a\"b").body == "{\"msg\":\"event type \\\"a\\\"b\\\" is ignored\"}\n");
}

}  // namespace receiver::webhook
