#pragma once

#include <memory>
#include <vector>

#include "test/chaos/traffic.h"
#include "test/support/cluster.h"
#include "test/support/project.h"

namespace receiver::chaos {

/// Some projects with a receiver each, Warehouses of a repository of Bitbucket Cloud and of one of
/// Data Center, and a Promotion that waits for a pull request of each.
class World {
 public:
  explicit World(const test::Cluster& cluster);

  /// A push to each repository, and the merge of each pull request.
  [[nodiscard]] std::vector<Signed> deliveries() const;
  static constexpr std::size_t kObjectsOfEach = 5;  ///< that the deliveries of a project refresh
  [[nodiscard]] const std::vector<std::unique_ptr<test::Project>>& projects() const {
    return projects_;
  }
  /// Where the receiver of a project listens.
  [[nodiscard]] static std::string path(const test::Project& project);

  static constexpr const char* kSecret = "a-secret-of-the-tests-of-faults";

 private:
  std::vector<std::unique_ptr<test::Project>> projects_;
};

}  // namespace receiver::chaos
