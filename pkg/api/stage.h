#pragma once

#include <functional>
#include <set>
#include <string>

#include <rapidjson/document.h>
#include <tl/expected.hpp>

#include "json/json.h"
#include "kube/object_key.h"

/// Whether promotions will wait for pull requests: because a Stage itself, or a PromotionTask or
/// ClusterPromotionTask that it uses, has a step `git-wait-for-pr`.
namespace receiver::api {

/// The steps and tasks of a Stage's promotion template.
struct Stage {
  kube::ObjectKey key;
  bool waits = false;                 ///< a step of its own waits
  std::set<kube::ObjectKey> tasks{};  ///< ClusterPromotionTasks have no namespace
  friend bool operator==(const Stage&, const Stage&) = default;
};

[[nodiscard]] const json::Projection& stage_projection();
[[nodiscard]] tl::expected<Stage, std::string> decode_stage(const kube::ObjectMeta& meta,
                                                            const rapidjson::Value& object);

/// A PromotionTask or ClusterPromotionTask.
struct PromotionTask {
  kube::ObjectKey key;
  bool waits = false;
  friend bool operator==(const PromotionTask&, const PromotionTask&) = default;
};

[[nodiscard]] const json::Projection& promotion_task_projection();
[[nodiscard]] tl::expected<PromotionTask, std::string> decode_promotion_task(
    const kube::ObjectMeta& meta, const rapidjson::Value& object);

/// Whether the Stage itself waits, or a task for which `task_waits` returns true.
[[nodiscard]] bool waits_for_pull_requests(
    const Stage& stage, const std::function<bool(const kube::ObjectKey&)>& task_waits);

}  // namespace receiver::api
