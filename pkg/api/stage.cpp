#include "api/stage.h"

#include <algorithm>

namespace receiver::api {
namespace {

constexpr std::string_view kWaitStep = "git-wait-for-pr";
constexpr std::string_view kStageSteps = "/spec/promotionTemplate/spec/steps";
constexpr std::string_view kTaskSteps = "/spec/steps";

/// Calls `take` for each step, if there are any.
template <class Take>
void for_each_step(const rapidjson::Value& object, std::string_view pointer, Take take) {
  const rapidjson::Value* steps = json::find(object, pointer);
  if (steps == nullptr || !steps->IsArray()) return;
  for (const rapidjson::Value& step : steps->GetArray()) take(step);
}

bool waits(const rapidjson::Value& step) {
  return json::string_at(step, "/uses") == kWaitStep;
}

}  // namespace

const json::Projection& stage_projection() {
  static const json::Projection projection{"/spec/promotionTemplate/spec/steps/*/uses",
                                           "/spec/promotionTemplate/spec/steps/*/task"};
  return projection;
}

tl::expected<Stage, std::string> decode_stage(const kube::ObjectMeta& meta,
                                              const rapidjson::Value& object) {
  Stage stage{.key = meta.key};
  for_each_step(object, kStageSteps, [&](const rapidjson::Value& step) {
    stage.waits = stage.waits || waits(step);
    const std::string_view name = json::string_at(step, "/task/name");
    if (name.empty()) return;
    const bool of_cluster = json::string_at(step, "/task/kind") == "ClusterPromotionTask";
    stage.tasks.insert({of_cluster ? std::string() : meta.key.ns, std::string(name)});
  });
  return stage;
}

const json::Projection& promotion_task_projection() {
  static const json::Projection projection{"/spec/steps/*/uses"};
  return projection;
}

tl::expected<PromotionTask, std::string> decode_promotion_task(const kube::ObjectMeta& meta,
                                                               const rapidjson::Value& object) {
  PromotionTask task{.key = meta.key};
  for_each_step(object, kTaskSteps,
                [&](const rapidjson::Value& step) { task.waits = task.waits || waits(step); });
  return task;
}

bool waits_for_pull_requests(const Stage& stage,
                             const std::function<bool(const kube::ObjectKey&)>& task_waits) {
  return stage.waits || std::ranges::any_of(stage.tasks, task_waits);
}

}  // namespace receiver::api
