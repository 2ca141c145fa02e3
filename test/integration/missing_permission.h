#pragma once

#include <string>

#include "test/support/api.h"

namespace receiver::test {

/// While it lives, the operator's ClusterRole has rules that forbid listing this Kargo resource.
class MissingPermission {
 public:
  MissingPermission(const Api& api, const std::string& rules, const std::string& resource);
  ~MissingPermission();
  MissingPermission(const MissingPermission&) = delete;
  MissingPermission& operator=(const MissingPermission&) = delete;

 private:
  const Api& api_;
  const std::string rules_;  ///< the former rules
};

}  // namespace receiver::test
