#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "test/chaos/traffic.h"
#include "test/support/cluster.h"
#include "test/support/project.h"

namespace receiver::chaos {

using Projects = std::vector<std::unique_ptr<test::Project>>;

/// Each has a receiver, so that its Secrets are watched.
[[nodiscard]] Projects make_projects(const test::Cluster& cluster, std::size_t count);

/// Projects with one receiver each, Warehouses of a repository of Bitbucket Cloud and of one of
/// Data Center, and a Promotion that waits for a pull request of each.
class World {
 public:
  explicit World(const test::Cluster& cluster);

  /// A push to each repository, and the merge of each pull request.
  [[nodiscard]] std::vector<Signed> deliveries() const;
  static constexpr std::size_t kObjectsOfEach = 5;  ///< refreshed by the deliveries of a project
  [[nodiscard]] const Projects& projects() const { return projects_; }
  /// The path of a project's receiver.
  [[nodiscard]] static std::string path(const test::Project& project);

  static constexpr const char* kSecret = "a-secret-of-the-tests-of-faults";

 private:
  Projects projects_;
};

}  // namespace receiver::chaos
