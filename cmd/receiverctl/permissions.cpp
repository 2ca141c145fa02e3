#include "cmd/receiverctl/permissions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include "json/json.h"

namespace receiver::ctl {
namespace {

using json::quote;

/// The rules of a Role or ClusterRole, as permissions in that namespace.
void add_rules(std::string_view role, const std::string& ns, std::vector<Permission>& permissions) {
  const YAML::Node document = YAML::Load(std::string(role));
  for (const auto& rule : document["rules"]) {
    const auto verbs = rule["verbs"].as<std::vector<std::string>>();
    const auto names = rule["resourceNames"] ? rule["resourceNames"].as<std::vector<std::string>>()
                                             : std::vector<std::string>{""};
    for (const auto& group : rule["apiGroups"].as<std::vector<std::string>>()) {
      for (const auto& resource : rule["resources"].as<std::vector<std::string>>()) {
        for (const auto& name : names) {
          const std::size_t slash = resource.find('/');
          permissions.push_back({ns, group, resource.substr(0, slash),
                                 slash == std::string::npos ? "" : resource.substr(slash + 1), name,
                                 verbs});
        }
      }
    }
  }
}

}  // namespace

std::string Permission::str() const {
  std::string text = fmt::format("{} {}", fmt::join(verbs, ", "), resource);
  if (!group.empty()) text += "." + group;
  if (!subresource.empty()) text += "/" + subresource;
  if (!name.empty()) text += " " + name;
  return text + (ns.empty() ? " everywhere" : " in " + ns);
}

std::vector<Permission> needed_permissions(const RbacFiles& files, const PermissionScope& scope) {
  std::vector<Permission> permissions;
  add_rules(files.everywhere, "", permissions);
  add_rules(files.lease, scope.lease_namespace, permissions);
  if (scope.all_secrets) {
    add_rules(files.project_secrets, "", permissions);
  } else {
    for (const std::string& ns : scope.secret_namespaces) {
      add_rules(files.project_secrets, ns, permissions);
    }
  }
  return permissions;
}

std::vector<Permission> registration_permissions(const RbacFiles& files) {
  std::vector<Permission> permissions;
  add_rules(files.registration, "", permissions);
  return permissions;
}

std::string access_review(const Permission& permission, const std::string& verb,
                          const std::string& service_account) {
  std::string whose;
  if (!service_account.empty()) {
    const std::size_t slash = service_account.find('/');
    const std::string ns = service_account.substr(0, slash);
    whose = fmt::format(
        R"("user": {}, "groups": ["system:serviceaccounts", {},
      "system:authenticated"],)",
        quote(fmt::format("system:serviceaccount:{}:{}", ns, service_account.substr(slash + 1))),
        quote("system:serviceaccounts:" + ns));
  }
  return fmt::format(R"({{"apiVersion": "authorization.k8s.io/v1", "kind": "{}AccessReview",
    "spec": {{{} "resourceAttributes": {{"namespace": {}, "verb": {}, "group": {}, "resource": {},
      "subresource": {}, "name": {}}}}}}})",
                     service_account.empty() ? "SelfSubject" : "Subject", whose,
                     quote(permission.ns), quote(verb), quote(permission.group),
                     quote(permission.resource), quote(permission.subresource),
                     quote(permission.name));
}

}  // namespace receiver::ctl
