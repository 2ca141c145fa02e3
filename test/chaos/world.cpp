#include "test/chaos/world.h"

namespace receiver::chaos {

using test::cloud_merge;
using test::cloud_push;
using test::data_center_merge;
using test::data_center_push;
using test::Delivery;
using test::Project;
using test::sign;

namespace {

constexpr std::size_t kProjects = 5;
constexpr const char* kReceiver = "bb";

std::string clone_url(const Project& project) {
  return "https://git.example.com/scm/" + project.name() + "/app.git";
}

std::string cloud_pull_request(const Project& project) {
  return project.repository() + "/pull-requests/7";
}

std::string data_center_pull_request(const Project& project) {
  return "https://git.example.com/projects/" + project.name() + "/repos/app/pull-requests/7";
}

std::string warehouse(const Project& project, const char* name) {
  return "warehouses/" + project.name() + "/" + name;
}

std::string promotion(const Project& project, const char* name) {
  return "promotions/" + project.name() + "/" + name;
}

}  // namespace

Projects make_projects(const test::Cluster& cluster, std::size_t count) {
  Projects projects;
  while (projects.size() < count) {
    const Project& project = *projects.emplace_back(std::make_unique<Project>(cluster));
    project.put_secret("bb-secret", {{"secret", World::kSecret}});
    project.declare({{kReceiver, "bb-secret"}});
  }
  return projects;
}

World::World(const test::Cluster& cluster) : projects_(make_projects(cluster, kProjects)) {
  for (const auto& project : projects_) {
    project->add_warehouse("cloud", project->repository(), R"("branch": "main")");
    project->add_warehouse("data-center", clone_url(*project), R"("branch": "main")");
    project->add_warehouse("data-center-too", clone_url(*project));
    project->add_promotion("cloud", cloud_pull_request(*project));
    project->add_promotion("data-center", data_center_pull_request(*project));
  }
}

std::vector<Signed> World::deliveries() const {
  std::vector<Signed> deliveries;
  for (const auto& project : projects_) {
    const auto add = [&](const Delivery& delivery, std::vector<std::string> targets) {
      deliveries.push_back({path(*project), sign(delivery, kSecret), std::move(targets)});
    };
    add(cloud_push(project->repository(), "main"), {warehouse(*project, "cloud")});
    add(data_center_push({clone_url(*project)}, "refs/heads/main"),
        {warehouse(*project, "data-center"), warehouse(*project, "data-center-too")});
    add(cloud_merge(cloud_pull_request(*project)), {promotion(*project, "cloud")});
    add(data_center_merge(data_center_pull_request(*project)),
        {promotion(*project, "data-center")});
  }
  return deliveries;
}

std::string World::path(const Project& project) {
  return test::receiver_path(project.name(), kReceiver, kSecret);
}

}  // namespace receiver::chaos
