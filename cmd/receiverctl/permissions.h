#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace receiver::ctl {

/// The text of config/rbac/operator.yaml, operator_lease.yaml, project_secrets.yaml and
/// registration/role.yaml.
struct RbacFiles {
  std::string_view everywhere;
  std::string_view lease;
  std::string_view project_secrets;
  std::string_view registration;
};
[[nodiscard]] const RbacFiles& rbac_files();

/// One rule of the operator's roles, for one resource.
struct Permission {
  std::string ns;  ///< empty: everywhere
  std::string group;
  std::string resource;     ///< `projectconfigs`
  std::string subresource;  ///< `status`, or empty
  std::string name;         ///< of the only object, or empty
  std::vector<std::string> verbs;

  /// `patch projectconfigs.kargo.akuity.io/status everywhere`.
  [[nodiscard]] std::string str() const;
};

/// The operator's namespace, and the namespaces whose Secrets it needs.
struct PermissionScope {
  std::string lease_namespace;
  std::vector<std::string> secret_namespaces;
  bool all_secrets = false;  ///< SECRET_ACCESS=cluster
};

/// All permissions of the operator except for registration. Throws if `files`, which are built in,
/// are not roles.
[[nodiscard]] std::vector<Permission> needed_permissions(const RbacFiles& files,
                                                         const PermissionScope& scope);

/// The additional permissions if receivers register their webhooks.
[[nodiscard]] std::vector<Permission> registration_permissions(const RbacFiles& files);

/// The review of one verb: of the caller's permission, or of a ServiceAccount's (`NAMESPACE/NAME`).
[[nodiscard]] std::string access_review(const Permission& permission, const std::string& verb,
                                        const std::string& service_account);

}  // namespace receiver::ctl
