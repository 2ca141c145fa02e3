#include "test/bench/world.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "test/bench/at_once.h"

namespace receiver::bench {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kProjects = 32;
constexpr std::size_t kWarehousesOfEach = 4;
constexpr std::size_t kFanOut = 200;
constexpr std::size_t kAtOnce = 16;
constexpr std::string_view kReceiver = "load";

const kube::Resource kNamespaces{"", "v1", "namespaces"};
const kube::Resource kSecrets{"", "v1", "secrets"};
const kube::Resource kRoleBindings{"rbac.authorization.k8s.io", "v1", "rolebindings"};
const kube::Resource kProjectConfigs{"kargo.akuity.io", "v1alpha1", "projectconfigs"};

struct Object {
  std::string path;  ///< of its collection
  std::string json;
};

asio::awaitable<void> create(kube::RestClient& administrator, std::vector<Object> objects) {
  Work post = [&](std::size_t index) -> asio::awaitable<void> {
    const Object& object = objects[index];
    const auto created = co_await administrator.post(object.path, object.json);
    if (!created) {
      throw std::runtime_error(fmt::format("POST {}: {}", object.path, created.error().message));
    }
  };
  co_await share_out(objects.size(), kAtOnce, std::move(post));
}

Object namespace_of(const Project& project) {
  return {
      kNamespaces.path(),
      fmt::format(R"({{"metadata":{{"name":"{}","labels":{{"kargo.akuity.io/project":"true"}}}}}})",
                  project.name)};
}

/// As in config/samples/project.yaml.
Object access_to_secrets(const Project& project) {
  return {kRoleBindings.path(project.name),
          R"({"metadata":{"name":"bitbucket-receiver-project-secrets"},)"
          R"("roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole",)"
          R"("name":"bitbucket-receiver-project-secrets"},)"
          R"("subjects":[{"kind":"ServiceAccount","name":"kargo-external-webhooks-server",)"
          R"("namespace":"kargo"}]})"};
}

Object secret_of(const Project& project, const crypto::SecretString& secret) {
  return {
      kSecrets.path(project.name),
      fmt::format(
          R"({{"metadata":{{"name":"load","labels":{{"kargo.akuity.io/cred-type":"generic"}}}},)"
          R"("stringData":{{"secret":"{}"}}}})",
          secret.view())};
}

Object config_of(const Project& project) {
  return {kProjectConfigs.path(project.name),
          fmt::format(R"({{"apiVersion":"kargo.akuity.io/v1alpha1","kind":"ProjectConfig",)"
                      R"("metadata":{{"name":"{}"}},"spec":{{"webhookReceivers":[{{"name":"{}",)"
                      R"("bitbucket":{{"secretRef":{{"name":"load"}}}}}}]}}}})",
                      project.name, kReceiver)};
}

Object warehouse_of(const Project& project, std::size_t index) {
  return {kWarehouses.path(project.name),
          fmt::format(R"({{"apiVersion":"kargo.akuity.io/v1alpha1","kind":"Warehouse",)"
                      R"("metadata":{{"name":"{}"}},"spec":{{"subscriptions":[{{"git":)"
                      R"({{"repoURL":"https://bitbucket.org/{}","branch":"main"}}}}]}}}})",
                      project.warehouse(index).name, project.repository())};
}

}  // namespace

const kube::Resource kWarehouses{"kargo.akuity.io", "v1alpha1", "warehouses"};

kube::ObjectKey Project::warehouse(std::size_t index) const {
  return {name, fmt::format("warehouse-{}", index)};
}

std::string Project::path(const crypto::SecretString& secret) const {
  return "/bitbucket/" + crypto::sha256_hex({name, kReceiver, secret.view()});
}

World make_world() {
  World world{{}, {"fan-out", kFanOut}};
  for (std::size_t index = 0; index < kProjects; ++index) {
    world.projects.push_back({fmt::format("project-{}", index), kWarehousesOfEach});
  }
  return world;
}

asio::awaitable<void> seed(kube::RestClient& administrator, World world,
                           crypto::SecretString secret) {
  world.projects.push_back(world.fan_out);
  std::vector<Object> namespaces, contents;
  for (const Project& project : world.projects) {
    namespaces.push_back(namespace_of(project));
    contents.push_back(access_to_secrets(project));
    contents.push_back(secret_of(project, secret));
    contents.push_back(config_of(project));
    for (std::size_t index = 0; index < project.warehouses; ++index) {
      contents.push_back(warehouse_of(project, index));
    }
  }
  co_await create(administrator, std::move(namespaces));
  co_await create(administrator, std::move(contents));
}

}  // namespace receiver::bench
