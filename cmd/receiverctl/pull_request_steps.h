#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>

#include "cmd/receiverctl/cluster.h"

/// Whether promotions of a project will wait for pull requests: by a step `git-wait-for-pr` of a
/// Stage itself, or of a PromotionTask or ClusterPromotionTask that it uses.
namespace receiver::ctl {

/// What a Stage's promotion template runs.
struct StageSteps {
  bool waits = false;
  std::set<std::string, std::less<>>
      tasks{};  ///< names of PromotionTasks, of the Stage's namespace
  std::set<std::string, std::less<>> cluster_tasks{};
};
[[nodiscard]] StageSteps steps_of_stage(const rapidjson::Value& stage);

/// Whether a PromotionTask or ClusterPromotionTask has such a step itself.
[[nodiscard]] bool task_waits(const rapidjson::Value& task);

struct PullRequestSteps {
  bool found = false;
  /// What could not be looked at: kinds that are not served, or may not be listed. For people.
  std::vector<std::string> notes{};
};

/// Of the project's Stages; of all if it is empty.
[[nodiscard]] Result<PullRequestSteps> look_for_pull_request_steps(Cluster& cluster,
                                                                   const std::string& project);

}  // namespace receiver::ctl
