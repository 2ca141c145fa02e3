#include <thread>

#include <catch2/catch.hpp>

#include "delivery.h"
#include "test/chaos/experiment.h"
#include "test/chaos/proxy.h"

using namespace receiver::chaos;
using receiver::integration::cloud_push;
using receiver::integration::Cluster;
using receiver::integration::Operator;
using receiver::integration::Project;
using receiver::integration::sign;

namespace {

/// A Warehouse that appears while nobody watches is refreshed by a push once the watch is back.
void check_sees_what_it_missed(const Operator& op, const Project& project, const char* slug,
                               std::chrono::milliseconds limit) {
  project.add_warehouse(slug, project.repository(slug));
  receiver::integration::eventually_equals(
      "the new Warehouse is refreshed",
      [&] {
        return receiver::integration::post(
                   op.url(World::path(project)),
                   sign(cloud_push(project.repository(slug), "main"), World::kSecret))
            .body;
      },
      std::string("{\"msg\":\"refreshed 1 warehouse(s)\"}\n"), limit);
}

}  // namespace

TEST_CASE("watches closed, 5 times", "[quick][watch]") {
  const Cluster cluster;
  Proxy proxy(cluster);
  const World world(cluster);
  const Operator op(cluster, {{"KUBECONFIG", proxy.kubeconfig()}});
  Experiment experiment(cluster, world, {&op});
  std::size_t cut = 0;
  for (const auto& project : world.projects()) {
    cut += proxy.cut_watches();
    check_sees_what_it_missed(op, *project, "new", 5s);
  }
  CHECK(cut >= 5 * world.projects().size());
  experiment.finish();
}
