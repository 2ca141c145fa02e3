#include "test/integration/missing_permission.h"

#include <exception>

#include <catch2/catch.hpp>

#include "test/support/project.h"

namespace receiver::test {
namespace {

constexpr const char* kRole = "/apis/rbac.authorization.k8s.io/v1/clusterroles/bitbucket-receiver";

void set_rules(const Api& api, const std::string& rules) {
  api.merge_patch(kRole, R"({"rules": )" + rules + "}");
}

}  // namespace

MissingPermission::MissingPermission(const Api& api, const std::string& rules,
                                     const std::string& resource)
    : api_(api), rules_(api.get(kRole).at("/rules")) {
  set_rules(api_, rules);
  await_access(api_, false, "list", "kargo.akuity.io", resource);
}

MissingPermission::~MissingPermission() {
  try {
    set_rules(api_, rules_);
  } catch (const std::exception& error) {  // the API server may be stopped after a failed test
    FAIL_CHECK(error.what());
  }
}

}  // namespace receiver::test
