#include "api/stage.h"

#include <catch2/catch.hpp>

#include "test/unit/api/objects.h"

namespace receiver::api {
namespace {

using Tasks = std::set<kube::ObjectKey>;

Stage stage_with(const std::string& steps) {
  const auto object =
      json::parse(R"({"spec": {"promotionTemplate": {"spec": {"steps": )" + steps + "}}}}");
  kube::ObjectMeta meta;
  meta.key = {"demo", "test"};
  return *decode_stage(meta, *object);
}

}  // namespace

TEST_CASE("a Stage waits for pull requests by a step of its own, or by the tasks that it uses") {
  struct Row {
    const char* steps;
    bool waits;
    Tasks tasks = {};
  };
  for (const Row& row : std::vector<Row>{
           {"[]", false},
           {R"([{"uses": "git-clone"}, {"uses": "git-wait-for-pr", "as": "wait"}])", true},
           {R"([{"uses": "git-clone"}, {"uses": "git-wait-for-pr-not"}])", false},
           {R"([{"task": {"name": "a"}}, {"task": {"name": "b", "kind": "PromotionTask"}}])", false,
            Tasks{{"demo", "a"}, {"demo", "b"}}},
           {R"([{"task": {"name": "a", "kind": "ClusterPromotionTask"}}, {"task": {"name": "a"}}])",
            false, Tasks{{"demo", "a"}, {"", "a"}}},
           {R"([{"uses": "git-wait-for-pr"}, {"task": {"name": "a"}}])", true,
            Tasks{{"demo", "a"}}},
           {R"([{"task": {"name": 1}}, {"task": "a"}, 7, null, {"uses": ["git-wait-for-pr"]}])",
            false},
           {R"("git-wait-for-pr")", false},
       }) {
    INFO(row.steps);
    const Stage stage = stage_with(row.steps);
    CHECK(stage.key.str() == "demo/test");
    CHECK(stage.waits == row.waits);
    CHECK(stage.tasks == row.tasks);
  }
  CHECK_FALSE(decode_stage({}, *json::parse("{}"))->waits);

  const Stage stage = stage_with(R"([{"task": {"name": "a"}}])");
  const auto if_waits = [&](const kube::ObjectKey& waiting) {
    return waits_for_pull_requests(stage,
                                   [&](const kube::ObjectKey& task) { return task == waiting; });
  };
  CHECK(if_waits({"demo", "a"}));
  CHECK_FALSE(if_waits({"", "a"}));
  CHECK_FALSE(if_waits({"demo", "b"}));
  CHECK(waits_for_pull_requests(stage_with(R"([{"uses": "git-wait-for-pr"}])"),
                                [](const kube::ObjectKey&) { return false; }));
}

TEST_CASE("a task waits for pull requests by a step of its own") {
  const auto waits = [](const std::string& steps) {
    return decode_promotion_task({}, *json::parse(R"({"spec": {"steps": )" + steps + "}}"))->waits;
  };
  CHECK(waits(R"([{"uses": "git-wait-for-pr"}, {"uses": "git-push"}])"));
  CHECK_FALSE(waits(R"([{"uses": "git-open-pr"}])"));
  CHECK_FALSE(waits("{}"));
}

}  // namespace receiver::api
