#pragma once

#include <string>
#include <vector>

#include "cmd/receiverctl/cluster.h"

/// Whether promotions of a project will wait for pull requests (api/stage.h).
namespace receiver::ctl {

struct PullRequestSteps {
  bool found = false;
  /// What could not be looked at: kinds that are not served, or may not be listed. For people.
  std::vector<std::string> notes{};
};

/// Of the project's Stages; of all if it is empty.
[[nodiscard]] Result<PullRequestSteps> look_for_pull_request_steps(Cluster& cluster,
                                                                   const std::string& project);

}  // namespace receiver::ctl
