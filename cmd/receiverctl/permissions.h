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

/// One rule of the operator's roles, taken apart by resource.
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

/// Where the operator is, and whose Secrets it needs.
struct PermissionScope {
  std::string lease_namespace;
  std::vector<std::string> secret_namespaces;
  bool all_secrets = false;  ///< SECRET_ACCESS=cluster
};

/// All that the operator needs, but for registration. Throws if `files`, which are built in, are no
/// roles.
[[nodiscard]] std::vector<Permission> needed_permissions(const RbacFiles& files,
                                                         const PermissionScope& scope);

/// What it needs beside these where receivers register their webhooks.
[[nodiscard]] std::vector<Permission> registration_permissions(const RbacFiles& files);

/// The spec of the review of one of its verbs: of the asker's own permission, or of that of a
/// ServiceAccount (`NAMESPACE/NAME`).
[[nodiscard]] std::string access_review(const Permission& permission, const std::string& verb,
                                        const std::string& service_account);

}  // namespace receiver::ctl
