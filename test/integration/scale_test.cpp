#include <iostream>
#include <memory>
#include <vector>

#include <catch2/catch.hpp>

#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"

namespace receiver::test {

namespace {

constexpr std::size_t kMegabyte = 1000 * 1000;

void add(const Cluster& cluster, std::vector<std::unique_ptr<Project>>& projects,
         std::size_t count) {
  while (projects.size() < count) {
    projects.push_back(std::make_unique<Project>(cluster));
    projects.back()->put_secret("bb-secret", {{"secret", kSecret}});
    projects.back()->declare({{"bb", "bb-secret"}});
  }
}

void await_all_ready(const Operator& op, const std::vector<std::unique_ptr<Project>>& projects) {
  eventually(
      "the operator is ready", [&] { return op.is_ready(); }, 6 * kPatience);
  for (const auto& project : projects) project->await_ready();
  CHECK(op.metric("bitbucket_receiver_secret_watches") == static_cast<double>(projects.size()));
}

}  // namespace

TEST_CASE("300 projects with a watch of Secrets each fit into 60 MB", "[scale]") {
  if (kSanitized) {
    WARN("not measured: a sanitizer's memory is not the operator's");
    return;
  }
  const Cluster cluster;
  std::vector<std::unique_ptr<Project>> projects;
  add(cluster, projects, 100);
  const Operator op(cluster);
  await_all_ready(op, projects);
  const std::size_t with_100 = 1024 * op.footprint().resident_kib;

  add(cluster, projects, 300);
  await_all_ready(op, projects);
  const std::size_t with_300 = 1024 * op.footprint().resident_kib;
  std::cout << "300 projects: " << with_300 / kMegabyte << " MB resident; one more namespace costs "
            << (with_300 - with_100) / 200 << " bytes" << std::endl;
  CHECK(with_300 < 60 * kMegabyte);

  const Project& last = *projects.back();
  CHECK(post(op.url(receiver_path(last.name(), "bb", kSecret)),
             sign(cloud_push(last.repository(), "main"), kSecret))
            .status == 200);
}

}  // namespace receiver::test
