#include "test/support/project.h"

#include <exception>
#include <iostream>
#include <random>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "crypto/crypto.h"

namespace receiver::test {
namespace {

constexpr std::string_view kGroup = "/apis/kargo.akuity.io/v1alpha1/namespaces/";

constexpr const char* kClusterConfigs = "/apis/kargo.akuity.io/v1alpha1/clusterconfigs";
const std::string kClusterConfig = std::string(kClusterConfigs) + "/cluster";

}  // namespace

std::string unique_name() {
  std::random_device random;
  return fmt::format("it-{:08x}{:08x}", random(), random());
}

std::string receiver_path(const std::string& project, const std::string& receiver,
                          const std::string& secret) {
  return "/bitbucket/" + crypto::sha256_hex({project, receiver, secret});
}

std::string receivers_json(const std::vector<DeclaredReceiver>& receivers) {
  std::string items;
  for (const DeclaredReceiver& receiver : receivers) {
    items += fmt::format(R"({}{{"name": {}, "bitbucket": {{"secretRef": {{"name": {}}}}}}})",
                         items.empty() ? "" : ", ", json_string(receiver.name),
                         json_string(receiver.secret_name));
  }
  return "[" + items + "]";
}

std::string ready_message(const Json& owner, std::string_view wanted) {
  const auto ready = [&](const char* member) {
    return owner.of_element("/status/conditions", "type", "Ready", member);
  };
  const std::string status = ready("status");
  return status == wanted ? ready("message")
                          : fmt::format("Ready is \"{}\": {}", status, ready("message"));
}

std::string published_url(const Json& owner, const std::string& receiver) {
  return owner.of_element("/status/webhookReceivers", "name", receiver, "url");
}

std::string resource_version(const Json& object) {
  return object.at("/metadata/resourceVersion");
}

void put_secret(const Api& api, const std::string& ns, const std::string& name,
                const std::map<std::string, std::string>& values, bool labelled) {
  std::string data;
  for (const auto& [key, value] : values) {
    data += fmt::format(R"({}{}: "{}")", data.empty() ? "" : ", ", json_string(key),
                        crypto::base64_encode(value));
  }
  const std::string collection = "/api/v1/namespaces/" + ns + "/secrets";
  const std::string secret =
      fmt::format(R"({{"metadata": {{"name": "{}", "labels": {{{}}}}}, "data": {{{}}}}})", name,
                  labelled ? R"("kargo.akuity.io/cred-type": "generic")" : "", data);
  if (api.find(collection + "/" + name)) {
    api.replace(collection + "/" + name, secret);
  } else {
    api.create(collection, secret);
  }
}

void await_access(const Api& api, bool allowed, const std::string& verb, const std::string& group,
                  const std::string& resource, const std::string& ns) {
  const std::string review = fmt::format(
      R"({{"spec": {{"user": "system:serviceaccount:kargo:kargo-external-webhooks-server",
                     "resourceAttributes": {{"namespace": "{}", "verb": "{}", "group": "{}",
                                             "resource": "{}"}}}}}})",
      ns, verb, group, resource);
  eventually_equals(
      verb + " " + resource + " is allowed",
      [&] {
        return api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
                   .at("/status/allowed") == "true";
      },
      allowed);
}

Project::Project(const Cluster& cluster, Secrets secrets, std::string name)
    : api_(cluster.admin()), name_(std::move(name)) {
  api_.create("/api/v1/namespaces", fmt::format(R"({{"metadata": {{"name": "{}"}}}})", name_));
  if (secrets == Secrets::kReadable) allow_secrets();
}

Project::~Project() {
  try {
    api_.remove(config_path());
    for (const char* plural : {"warehouses", "promotions"}) api_.remove(collection(plural));
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
  }
}

void Project::allow_secrets() const {
  api_.create("/apis/rbac.authorization.k8s.io/v1/namespaces/" + name_ + "/rolebindings",
              R"({"metadata": {"name": "bitbucket-receiver-project-secrets"},
                  "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                              "name": "bitbucket-receiver-project-secrets"},
                  "subjects": [{"kind": "ServiceAccount", "namespace": "kargo",
                                "name": "kargo-external-webhooks-server"}]})");
  await_access(api_, true, "list", "", "secrets", name_);
}

void Project::put_secret(const std::string& name, const std::map<std::string, std::string>& values,
                         bool labelled) const {
  test::put_secret(api_, name_, name, values, labelled);
}

void Project::delete_secret(const std::string& name) const {
  api_.remove(secret_path(name));
}

void Project::declare(const std::vector<DeclaredReceiver>& receivers) const {
  const std::string spec = fmt::format(R"({{"webhookReceivers": {}}})", receivers_json(receivers));
  if (api_.find(config_path())) {
    api_.merge_patch(config_path(), fmt::format(R"({{"spec": {}}})", spec));
    return;
  }
  api_.create(collection("projectconfigs"),
              fmt::format(R"({{"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "ProjectConfig",
                               "metadata": {{"name": "{}"}}, "spec": {}}})",
                          name_, spec));
}

Json Project::config() const {
  return api_.get(config_path());
}

std::string Project::events(const std::string& reason) const {
  const Json list = api_.get("/apis/events.k8s.io/v1/namespaces/" + name_ + "/events");
  std::string lines;
  for (std::size_t index = 0; index < list.size_at("/items"); ++index) {
    const Json event(list.at("/items/" + std::to_string(index)));
    if (event.at("/reason") == reason) lines += event.at("/type") + " " + event.at("/note") + "\n";
  }
  return lines;
}

std::string Project::config_path() const {
  return collection("projectconfigs") + "/" + name_;
}
std::string Project::secret_path(const std::string& name) const {
  return "/api/v1/namespaces/" + name_ + "/secrets/" + name;
}

std::string Project::publish(const std::string& receiver, const std::string& secret) const {
  put_secret(receiver + "-secret", {{"secret", secret}});
  declare({{receiver, receiver + "-secret"}});
  await_ready();
  return receiver_path(name_, receiver, secret);
}

void Project::await_ready(std::chrono::milliseconds limit) const {
  eventually_equals(
      "the ProjectConfig is ready", [&] { return ready_message(config(), "True"); }, kProjectReady,
      limit);
}

std::string Project::repository(const std::string& slug) const {
  return "https://bitbucket.org/" + name_ + "/" + slug;
}

void Project::add_warehouse(const std::string& name, const std::string& repository,
                            const std::string& git) const {
  api_.create(collection("warehouses"),
              fmt::format(R"({{"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Warehouse",
                               "metadata": {{"name": "{}"}},
                               "spec": {{"subscriptions": [{{"git": {{"repoURL": {}{}}}}}]}}}})",
                          name, json_string(repository), git.empty() ? "" : ", " + git));
}

Json Project::warehouse(const std::string& name) const {
  return api_.get(collection("warehouses") + "/" + name);
}

void Project::add_promotion(const std::string& name, const std::string& pull_request,
                            const std::string& phase) const {
  api_.create(collection("promotions"),
              fmt::format(R"({{"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Promotion",
                               "metadata": {{"name": "{}"}},
                               "spec": {{"steps": [{{"uses": "git-wait-for-pr", "as": "wait"}}]}}}})",
                          name));
  api_.merge_patch(collection("promotions") + "/" + name + "/status",
                   fmt::format(R"({{"status": {{"phase": "{}", "currentStep": 0,
                                    "state": {{"wait": {{"pr": {{"id": 7, "url": {}}}}}}}}}}})",
                               phase, json_string(pull_request)));
}

Json Project::promotion(const std::string& name) const {
  return api_.get(collection("promotions") + "/" + name);
}

std::string Project::collection(const std::string& plural) const {
  return std::string(kGroup) + name_ + "/" + plural;
}

ClusterConfig::ClusterConfig(const Cluster& cluster, const std::string& receiver,
                             const std::string& secret_name)
    : api_(cluster.admin()) {
  api_.remove(kClusterConfig);  // left by a test that was killed
  api_.create(kClusterConfigs,
              fmt::format(R"({{"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "ClusterConfig",
                               "metadata": {{"name": "cluster"}},
                               "spec": {{"webhookReceivers": {}}}}})",
                          receivers_json({{receiver, secret_name}})));
}

ClusterConfig::~ClusterConfig() {
  try {
    api_.remove(kClusterConfig);
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
  }
}

Json ClusterConfig::get() const {
  return api_.get(kClusterConfig);
}

}  // namespace receiver::test
