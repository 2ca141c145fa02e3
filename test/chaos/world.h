#pragma once

#include <memory>
#include <vector>

#include "cluster.h"
#include "project.h"
#include "test/chaos/traffic.h"

namespace receiver::chaos {

/// Some projects with a receiver each, and Warehouses of a repository of Bitbucket Cloud and of one
/// of Data Center.
class World {
 public:
  explicit World(const integration::Cluster& cluster);

  /// One to each repository.
  [[nodiscard]] std::vector<Push> pushes() const;
  [[nodiscard]] const std::vector<std::unique_ptr<integration::Project>>& projects() const {
    return projects_;
  }
  /// Where the receiver of a project listens.
  [[nodiscard]] static std::string path(const integration::Project& project);

  static constexpr const char* kSecret = "a-secret-of-the-tests-of-faults";

 private:
  std::vector<std::unique_ptr<integration::Project>> projects_;
};

}  // namespace receiver::chaos
