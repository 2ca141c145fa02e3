#include "cmd/receiverctl/pull_request_steps.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "api/stage.h"
#include "json/json.h"

namespace receiver::ctl {
namespace {

/// Calls `on_object` for each object of the kind. A kind that is not served, or may not be listed,
/// is a note: people who register webhooks may lack permission to read everything.
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
      fmt::format("{} cannot be listed ({}): if one of their steps waits for pull requests, use "
                  "--pull-requests",
                  plural, kind == Kind::kNotFound ? "not served" : "forbidden"));
  return {};
}

}  // namespace

Result<PullRequestSteps> look_for_pull_request_steps(Cluster& cluster, const std::string& project) {
  PullRequestSteps steps;
  std::set<kube::ObjectKey> used;  // tasks; ClusterPromotionTasks have no namespace
  const auto look_at_stage = [&](const kube::ObjectMeta& meta, const rapidjson::Value& object) {
    const auto stage = api::decode_stage(meta, object);
    if (!stage) return;
    steps.found = steps.found || stage->waits;
    used.insert(stage->tasks.begin(), stage->tasks.end());
  };
  const auto look_at_task = [&](const kube::ObjectMeta& meta, const rapidjson::Value& object) {
    const auto task = api::decode_promotion_task(meta, object);
    steps.found = steps.found || (task && task->waits && used.contains(meta.key));
  };
  auto read = for_each(cluster, "stages", project, api::stage_projection(), look_at_stage, steps);
  if (!read) return tl::unexpected(read.error());
  const auto is_of_cluster = [](const kube::ObjectKey& key) { return key.ns.empty(); };
  for (const bool of_cluster : {false, true}) {
    if (steps.found || std::ranges::count(used, of_cluster, is_of_cluster) == 0) continue;
    read =
        for_each(cluster, of_cluster ? "clusterpromotiontasks" : "promotiontasks",
                 of_cluster ? "" : project, api::promotion_task_projection(), look_at_task, steps);
    if (!read) return tl::unexpected(read.error());
  }
  return steps;
}

}  // namespace receiver::ctl
