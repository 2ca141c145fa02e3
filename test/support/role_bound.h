#pragma once

#include <string>

#include "test/support/cluster.h"
#include "test/support/project.h"

namespace receiver::test {

/// Binds that ClusterRole to the operator's account everywhere, as long as this object lives:
/// longer than any operator that needs it.
class RoleBound {
 public:
  /// Returns when the API server's authorizer allows the operator to list this.
  RoleBound(const Cluster& cluster, const std::string& role, const std::string& group,
            const std::string& resource)
      : api_(cluster.admin()) {
    api_.create(kBindings, R"({"metadata": {"name": ")" + name_ + R"("},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ")" +
                               role + R"("},
        "subjects": [{"kind": "ServiceAccount", "namespace": "kargo",
                      "name": "kargo-external-webhooks-server"}]})");
    await_access(api_, true, "list", group, resource);
  }
  ~RoleBound() { api_.remove(kBindings + ("/" + name_)); }
  RoleBound(const RoleBound&) = delete;
  RoleBound& operator=(const RoleBound&) = delete;

 private:
  static constexpr const char* kBindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";

  const Api& api_;
  const std::string name_ = unique_name();
};

}  // namespace receiver::test
