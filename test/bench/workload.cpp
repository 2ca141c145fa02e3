#include "test/bench/workload.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "json/json.h"
#include "test/bench/at_once.h"

namespace receiver::bench {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kProjects = 32;
constexpr std::size_t kWarehousesOfEach = 4;
constexpr std::size_t kFanOut = 200;
constexpr std::size_t kMonorepo = 3'000;
constexpr std::size_t kAtOnce = 48;
constexpr std::string_view kReceiver = "load";

const kube::Resource kNamespaces{"", "v1", "namespaces"};
const kube::Resource kRoleBindings{"rbac.authorization.k8s.io", "v1", "rolebindings"};
const kube::Resource kClusterRoleBindings{"rbac.authorization.k8s.io", "v1", "clusterrolebindings"};

struct Object {
  std::string collection;  ///< its path
  std::string name;
  std::string json;
  std::string status{};  ///< JSON, if it has one
};

asio::awaitable<void> create(kube::RestClient& administrator, Object object) {
  const auto created = co_await administrator.post(object.collection, object.json);
  // It exists already when a scenario runs again.
  if (!created && created.error().kind != kube::ApiError::Kind::kConflict) {
    throw std::runtime_error(
        fmt::format("POST {}: {}", object.collection, created.error().message));
  }
  if (object.status.empty()) co_return;
  std::string path = fmt::format("{}/{}/status", object.collection, object.name);
  std::string patch = fmt::format(R"({{"status":{}}})", object.status);
  const auto written = co_await administrator.merge_patch(std::move(path), std::move(patch));
  if (!written) {
    throw std::runtime_error(fmt::format("status of {}: {}", object.name, written.error().message));
  }
}

Object namespace_of(const Project& project) {
  return {
      kNamespaces.path(), project.name,
      fmt::format(R"({{"metadata":{{"name":"{}","labels":{{"kargo.akuity.io/project":"true"}}}}}})",
                  project.name)};
}

constexpr std::string_view kAccount =
    R"("subjects":[{"kind":"ServiceAccount","name":"kargo-external-webhooks-server",)"
    R"("namespace":"kargo"}])";
constexpr std::string_view kSecretsRole =
    R"("roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole",)"
    R"("name":"bitbucket-receiver-project-secrets"})";

/// As in config/samples/project.yaml.
Object access_to_secrets(const Project& project) {
  return {kRoleBindings.path(project.name), "bitbucket-receiver-project-secrets",
          fmt::format(R"({{"metadata":{{"name":"bitbucket-receiver-project-secrets"}},{},{}}})",
                      kSecretsRole, kAccount)};
}

Object secret_of(const Project& project, const crypto::SecretString& secret) {
  std::string keys = fmt::format(R"("secret":{})", json::quote(secret.view()));
  for (const auto& [name, value] : project.secret_keys) {
    keys += fmt::format(R"(,{}:{})", json::quote(name), json::quote(value));
  }
  return {
      kSecrets.path(project.name), "load",
      fmt::format(
          R"({{"metadata":{{"name":"load","labels":{{"kargo.akuity.io/cred-type":"generic"}}}},)"
          R"("stringData":{{{}}}}})",
          keys)};
}

Object config_of(const Project& project) {
  return {kProjectConfigs.path(project.name), project.name,
          fmt::format(R"({{"apiVersion":"kargo.akuity.io/v1alpha1","kind":"ProjectConfig",)"
                      R"("metadata":{{"name":"{}"}},"spec":{{"webhookReceivers":[{{"name":"{}",)"
                      R"("bitbucket":{{"secretRef":{{"name":"load"}}}}}}]}}}})",
                      project.name, kReceiver)};
}

/// The status of a Warehouse, as Kargo writes it.
std::string discovered(const Project& project) {
  std::string commits;
  for (std::size_t index = 0; index < project.commits; ++index) {
    commits += fmt::format(
        R"({}{{"id":"{:040x}","branch":"main","subject":"PROJ-{}: {:-<250}","author":)"
        R"("Developer {} <developer-{}@example.com>","committer":"Bitbucket <noreply@example.com>",)"
        R"("creatorDate":"2026-01-02T03:{:02}:05Z"}})",
        index == 0 ? "" : ",", index, index, "what has changed and why ", index, index, index % 60);
  }
  return fmt::format(R"({{"lastHandledRefresh":"2026-01-02T03:04:05Z","observedGeneration":1,)"
                     R"("discoveredArtifacts":{{"discoveredAt":"2026-01-02T03:04:05Z","git":)"
                     R"([{{"repoURL":"https://bitbucket.org/{}","commits":[{}]}}]}}}})",
                     project.repository(), commits);
}

Object warehouse_of(const Project& project, std::size_t index) {
  std::string url = project.clone_url.empty() ? "https://bitbucket.org/" + project.repository()
                                              : project.clone_url;
  if (index >= project.warehouses) url += fmt::format("-{}", index);
  const std::string paths =
      project.by_folder ? fmt::format(R"(,"includePaths":["{}"])", project.folder(index)) : "";
  std::string name = project.warehouse(index).name;
  std::string json = fmt::format(R"({{"apiVersion":"kargo.akuity.io/v1alpha1","kind":"Warehouse",)"
                                 R"("metadata":{{"name":"{}"}},"spec":{{"subscriptions":[{{"git":)"
                                 R"({{"repoURL":"{}","branch":"main"{}}}}}]}}}})",
                                 name, url, paths);
  return {kWarehouses.path(project.name), std::move(name), std::move(json),
          project.commits > 0 ? discovered(project) : std::string()};
}

Object promotion_of(const Project& project, std::size_t index) {
  std::string name = fmt::format("promotion-{}", index);
  std::string json =
      fmt::format(R"({{"apiVersion":"kargo.akuity.io/v1alpha1","kind":"Promotion",)"
                  R"("metadata":{{"name":"{}"}},"spec":{{"stage":"test","freight":"{:040x}",)"
                  R"("steps":[{{"uses":"git-open-pr","as":"open"}},)"
                  R"({{"uses":"git-wait-for-pr","as":"wait"}}]}}}})",
                  name, index);
  std::string status =
      fmt::format(R"({{"phase":"Succeeded","currentStep":1,"state":{{"wait":{{"pr":{{"id":{0},)"
                  R"("url":"https://bitbucket.org/{1}/pull-requests/{0}"}}}}}}}})",
                  index, project.repository());
  return {kPromotions.path(project.name), std::move(name), std::move(json), std::move(status)};
}

/// Its objects are created in order of dependency.
asio::awaitable<void> create_project(kube::RestClient& administrator, Project project,
                                     crypto::SecretString secret) {
  std::vector<Object> frame = {namespace_of(project), access_to_secrets(project),
                               secret_of(project, secret), config_of(project)};
  for (Object& object : frame) {
    auto creating = create(administrator, std::move(object));
    co_await std::move(creating);
  }
}

/// Its Warehouses, then its Promotions.
Object content_of(const Project& project, std::size_t index) {
  const std::size_t warehouses = project.warehouses + project.others;
  return index < warehouses ? warehouse_of(project, index)
                            : promotion_of(project, index - warehouses);
}

}  // namespace

const kube::Resource kWarehouses{"kargo.akuity.io", "v1alpha1", "warehouses"};
const kube::Resource kPromotions{"kargo.akuity.io", "v1alpha1", "promotions"};
const kube::Resource kProjectConfigs{"kargo.akuity.io", "v1alpha1", "projectconfigs"};
const kube::Resource kClusterConfigs{"kargo.akuity.io", "v1alpha1", "clusterconfigs"};
const kube::Resource kSecrets{"", "v1", "secrets"};

kube::ObjectKey Project::warehouse(std::size_t index) const {
  return {name, fmt::format("warehouse-{}", index)};
}

std::string Project::folder(std::size_t index) const {
  return "apps/" + warehouse(index).name;
}

std::string Project::path(const crypto::SecretString& secret) const {
  return "/bitbucket/" + crypto::sha256_hex({name, kReceiver, secret.view()});
}

Workload make_workload() {
  Workload workload{{},
                    {.name = "fan-out", .warehouses = kFanOut},
                    {.name = "monorepo", .warehouses = kMonorepo}};
  for (std::size_t index = 0; index < kProjects; ++index) {
    workload.projects.push_back(
        {.name = fmt::format("project-{}", index), .warehouses = kWarehousesOfEach});
  }
  return workload;
}

asio::awaitable<void> create_projects(kube::RestClient& administrator,
                                      std::vector<Project> projects, crypto::SecretString secret) {
  Work create_one = [&](std::size_t index) {
    return create_project(administrator, projects[index], secret);
  };
  co_await share_out(projects.size(), kAtOnce, std::move(create_one));

  struct Content {
    std::size_t project, index;
  };
  std::vector<Content> contents;
  for (std::size_t number = 0; number < projects.size(); ++number) {
    const Project& project = projects[number];
    const std::size_t count = project.warehouses + project.others + project.promotions;
    for (std::size_t index = 0; index < count; ++index) contents.push_back({number, index});
  }
  Work create_content = [&](std::size_t number) {
    const auto [project, index] = contents[number];
    return create(administrator, content_of(projects[project], index));
  };
  co_await share_out(contents.size(), kAtOnce, std::move(create_content));
}

asio::awaitable<void> renew_configs(kube::RestClient& administrator,
                                    std::vector<Project> projects) {
  Work renew = [&](std::size_t index) -> asio::awaitable<void> {
    const Project& project = projects[index];
    http::Request request;
    request.method = "DELETE";
    request.target = kProjectConfigs.path({project.name, project.name});
    const auto deleted =
        co_await administrator.send(std::move(request), kube::RestClient::kTimeout);
    if (!deleted) throw std::runtime_error("DELETE: " + deleted.error().message);
    Object config = config_of(project);
    auto creating = create(administrator, std::move(config));
    co_await std::move(creating);
  };
  co_await share_out(projects.size(), kAtOnce, std::move(renew));
}

asio::awaitable<void> grant_all_secrets(kube::RestClient& administrator) {
  Object binding{
      kClusterRoleBindings.path(), "bench-secrets",
      fmt::format(R"({{"metadata":{{"name":"bench-secrets"}},{},{}}})", kSecretsRole, kAccount)};
  auto creating = create(administrator, std::move(binding));
  co_await std::move(creating);
}

}  // namespace receiver::bench
