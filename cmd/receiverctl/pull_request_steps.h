#pragma once

#include <string>
#include <vector>

#include "cmd/receiverctl/cluster.h"

/// Whether promotions of a project will wait for pull requests (api/stage.h).
namespace receiver::ctl {

struct PullRequestSteps {
  bool found = false;
  /// The kinds that are not served, or may not be listed. For people.
  std::vector<std::string> notes{};
};

/// Looks at the project's Stages; at all if it is empty.
[[nodiscard]] Result<PullRequestSteps> look_for_pull_request_steps(Cluster& cluster,
                                                                   const std::string& project);

}  // namespace receiver::ctl
