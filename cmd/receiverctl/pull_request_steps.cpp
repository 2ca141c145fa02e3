#include "cmd/receiverctl/pull_request_steps.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "json/json.h"

namespace receiver::ctl {
namespace {

constexpr std::string_view kWaitStep = "git-wait-for-pr";

bool waits(const rapidjson::Value& object, std::string_view pointer) {
  const rapidjson::Value* steps = json::find(object, pointer);
  return steps != nullptr && steps->IsArray() &&
         std::ranges::any_of(steps->GetArray(), [](const rapidjson::Value& step) {
           return json::string_at(step, "/uses") == kWaitStep;
         });
}

/// Calls for each object of the kind. One that is not served, or may not be listed, is a note:
/// people who register webhooks need not be those who may read everything.
Result<void> for_each(Cluster& cluster, const std::string& plural, const std::string& ns,
                      const json::Projection& projection, const Cluster::OnObject& on_object,
                      PullRequestSteps& steps) {
  const auto listed = cluster.read(plural, ns, projection, on_object);
  if (listed) return {};
  using Kind = kube::ApiError::Kind;
  const Kind kind = listed.error().kind;
  if (kind != Kind::kNotFound && kind != Kind::kForbidden) {
    return tl::unexpected(cluster.failure(plural + " cannot be listed", listed.error()));
  }
  steps.notes.push_back(
      fmt::format("{} cannot be listed ({}): if a step of theirs waits for pull requests, give "
                  "--pull-requests",
                  plural, kind == Kind::kNotFound ? "not served" : "forbidden"));
  return {};
}

}  // namespace

StageSteps steps_of_stage(const rapidjson::Value& stage) {
  constexpr std::string_view kSteps = "/spec/promotionTemplate/spec/steps";
  StageSteps found{.waits = waits(stage, kSteps)};
  const rapidjson::Value* steps = json::find(stage, kSteps);
  if (steps == nullptr || !steps->IsArray()) return found;
  for (const rapidjson::Value& step : steps->GetArray()) {
    const std::string_view name = json::string_at(step, "/task/name");
    if (name.empty()) continue;
    const bool of_cluster = json::string_at(step, "/task/kind") == "ClusterPromotionTask";
    (of_cluster ? found.cluster_tasks : found.tasks).emplace(name);
  }
  return found;
}

bool task_waits(const rapidjson::Value& task) {
  return waits(task, "/spec/steps");
}

Result<PullRequestSteps> look_for_pull_request_steps(Cluster& cluster, const std::string& project) {
  static const json::Projection of_stages{"/spec/promotionTemplate/spec/steps/*/uses",
                                          "/spec/promotionTemplate/spec/steps/*/task"};
  static const json::Projection of_tasks{"/spec/steps/*/uses"};
  PullRequestSteps steps;
  std::set<kube::ObjectKey> used;  // tasks; those of the cluster have no namespace
  const auto look_at_stage = [&](const kube::ObjectMeta& meta, const rapidjson::Value& stage) {
    const StageSteps of_stage = steps_of_stage(stage);
    steps.found = steps.found || of_stage.waits;
    for (const std::string& name : of_stage.tasks) used.insert({meta.key.ns, name});
    for (const std::string& name : of_stage.cluster_tasks) used.insert({"", name});
  };
  const auto look_at_task = [&](const kube::ObjectMeta& meta, const rapidjson::Value& task) {
    steps.found = steps.found || (used.contains(meta.key) && task_waits(task));
  };
  auto read = for_each(cluster, "stages", project, of_stages, look_at_stage, steps);
  if (!read) return tl::unexpected(read.error());
  const auto is_of_cluster = [](const kube::ObjectKey& key) { return key.ns.empty(); };
  for (const bool of_cluster : {false, true}) {
    if (steps.found || std::ranges::count(used, of_cluster, is_of_cluster) == 0) continue;
    read = for_each(cluster, of_cluster ? "clusterpromotiontasks" : "promotiontasks",
                    of_cluster ? "" : project, of_tasks, look_at_task, steps);
    if (!read) return tl::unexpected(read.error());
  }
  return steps;
}

}  // namespace receiver::ctl
