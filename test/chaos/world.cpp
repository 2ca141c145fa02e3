#include "test/chaos/world.h"

namespace receiver::chaos {

using integration::Project;

namespace {

constexpr std::size_t kProjects = 5;
constexpr const char* kReceiver = "bb";

std::string clone_url(const Project& project) {
  return "https://git.example.com/scm/" + project.name() + "/app.git";
}

std::string target(const Project& project, const char* warehouse) {
  return project.name() + "/" + warehouse;
}

}  // namespace

World::World(const integration::Cluster& cluster) {
  for (std::size_t count = 0; count < kProjects; ++count) {
    const Project& project = *projects_.emplace_back(std::make_unique<Project>(cluster));
    project.put_secret("bb-secret", {{"secret", kSecret}});
    project.declare({{kReceiver, "bb-secret"}});
    project.add_warehouse("cloud", project.repository(), R"("branch": "main")");
    project.add_warehouse("data-center", clone_url(project), R"("branch": "main")");
    project.add_warehouse("data-center-too", clone_url(project));
  }
}

std::vector<Push> World::pushes() const {
  std::vector<Push> pushes;
  for (const auto& project : projects_) {
    pushes.push_back(
        {path(*project),
         integration::sign(integration::cloud_push(project->repository(), "main"), kSecret),
         {target(*project, "cloud")}});
    pushes.push_back(
        {path(*project),
         integration::sign(integration::data_center_push({clone_url(*project)}, "refs/heads/main"),
                           kSecret),
         {target(*project, "data-center"), target(*project, "data-center-too")}});
  }
  return pushes;
}

std::string World::path(const Project& project) {
  return integration::receiver_path(project.name(), kReceiver, kSecret);
}

}  // namespace receiver::chaos
