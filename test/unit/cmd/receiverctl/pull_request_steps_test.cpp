#include "cmd/receiverctl/pull_request_steps.h"

#include <catch2/catch.hpp>

#include "json/json.h"

namespace receiver::ctl {
namespace {

using Names = std::set<std::string, std::less<>>;

json::Document stage_with(const std::string& steps) {
  return std::move(
      *json::parse(R"({"spec": {"promotionTemplate": {"spec": {"steps": )" + steps + "}}}}"));
}

}  // namespace

TEST_CASE("a Stage waits for pull requests by a step of its own, or by the tasks that it uses") {
  struct Row {
    const char* steps;
    bool waits;
    Names tasks = {};
    Names cluster_tasks = {};
  };
  const std::vector<Row> rows{
      {"[]", false},
      {R"([{"uses": "git-clone"}, {"uses": "git-wait-for-pr", "as": "wait"}])", true},
      {R"([{"uses": "git-clone"}, {"uses": "git-wait-for-pr-not"}])", false},
      {R"([{"task": {"name": "a"}}, {"task": {"name": "b", "kind": "PromotionTask"}}])", false,
       Names{"a", "b"}},
      {R"([{"task": {"name": "a", "kind": "ClusterPromotionTask"}}, {"task": {"name": "a"}}])",
       false, Names{"a"}, Names{"a"}},
      {R"([{"uses": "git-wait-for-pr"}, {"task": {"name": "a"}}])", true, Names{"a"}},
      {R"([{"task": {"name": 1}}, {"task": "a"}, 7, null, {"uses": ["git-wait-for-pr"]}])", false},
      {R"("git-wait-for-pr")", false},
  };
  for (const Row& row : rows) {
    INFO(row.steps);
    const StageSteps steps = steps_of_stage(stage_with(row.steps));
    CHECK(steps.waits == row.waits);
    CHECK(steps.tasks == row.tasks);
    CHECK(steps.cluster_tasks == row.cluster_tasks);
  }
  CHECK_FALSE(steps_of_stage(*json::parse("{}")).waits);
}

TEST_CASE("a task waits for pull requests by a step of its own") {
  const auto task = [](const std::string& steps) {
    return *json::parse(R"({"spec": {"steps": )" + steps + "}}");
  };
  CHECK(task_waits(task(R"([{"uses": "git-open-pr"}, {"uses": "git-wait-for-pr"}])")));
  CHECK_FALSE(task_waits(task(R"([{"uses": "git-open-pr"}])")));
  CHECK_FALSE(task_waits(task("{}")));
}

}  // namespace receiver::ctl
