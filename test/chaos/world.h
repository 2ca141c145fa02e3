#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "test/chaos/traffic.h"
#include "test/support/cluster.h"
#include "test/support/project.h"

namespace receiver::chaos {

using Projects = std::vector<std::unique_ptr<test::Project>>;

/// With a receiver each, so that the Secrets of each are watched.
[[nodiscard]] Projects make_projects(const test::Cluster& cluster, std::size_t count);

/// Some projects with a receiver each, Warehouses of a repository of Bitbucket Cloud and of one of
/// Data Center, and a Promotion that waits for a pull request of each.
class World {
 public:
  explicit World(const test::Cluster& cluster);

  /// A push to each repository, and the merge of each pull request.
  [[nodiscard]] std::vector<Signed> deliveries() const;
  static constexpr std::size_t kObjectsOfEach = 5;  ///< that the deliveries of a project refresh
  [[nodiscard]] const Projects& projects() const { return projects_; }
  /// Where the receiver of a project listens.
  [[nodiscard]] static std::string path(const test::Project& project);

  static constexpr const char* kSecret = "a-secret-of-the-tests-of-faults";

 private:
  Projects projects_;
};

}  // namespace receiver::chaos
