#include <memory>
#include <numeric>
#include <thread>
#include <utility>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/chaos/experiment.h"

namespace receiver::chaos {

using test::Cluster;
using test::Environment;
using test::eventually;
using test::Operator;
using test::Project;

namespace {

bool leads(const Operator& op) {
  return op.sum_of_metrics("leader_election_master_status{") == 1;
}

double status_writes(const Operator& op) {
  return op.sum_of_metrics("bitbucket_receiver_status_writes_total");
}

std::vector<std::string> versions(const World& world) {
  std::vector<std::string> versions;
  for (const auto& project : world.projects()) {
    versions.push_back(test::resource_version(project->config()));
  }
  return versions;
}

/// The number of refreshes that all deliveries together request.
std::size_t asked_for(const std::vector<SentDelivery>& deliveries) {
  return std::accumulate(
      deliveries.begin(), deliveries.end(), std::size_t{0},
      [](std::size_t sum, const SentDelivery& sent) { return sum + sent.targets.size(); });
}

}  // namespace

TEST_CASE("two replicas, the leader killed", "[quick][replicas]") {
  const Cluster cluster;
  const World world(cluster);
  const Environment settings{{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", "https://kargo.example.com"}};
  auto leader = std::make_unique<Operator>(cluster, settings);
  auto other = std::make_unique<Operator>(cluster, settings);
  eventually("one leads", [&] { return leads(*leader) || leads(*other); });
  if (leads(*other)) std::swap(leader, other);
  for (const auto& project : world.projects()) project->await_ready();
  const auto settled = versions(world);

  Experiment experiment(cluster, world, {leader.get(), other.get()});
  for (const Operator* replica : {leader.get(), other.get()}) {
    CHECK(replica->sum_of_metrics(
              R"(bitbucket_receiver_deliveries_total{event="repo:push",outcome="ok")") > 4);
  }
  CHECK_FALSE(leads(*other));
  CHECK(status_writes(*leader) > 0);
  CHECK(status_writes(*other) == 0);

  std::chrono::milliseconds without_leader{0};
  experiment.fault([&] {
    leader->kill();
    experiment.send_to({other.get()});
    const Project project(cluster);
    project.put_secret("bb-secret", {{"secret", World::kSecret}});
    project.declare({{"bb", "bb-secret"}});
    without_leader = eventually(
        "the other replica writes the status",
        [&] { return !test::published_url(project.config(), "bb").empty(); }, kLeaseTime + 2s);
  });
  CHECK(leads(*other));
  experiment.recover();
  experiment.finish(Experiment::Queued::kMayBeLost,
                    fmt::format("status written after {:.1f} s",
                                std::chrono::duration<double>(without_leader).count()));
  CHECK(versions(world) == settled);
  CHECK(experiment.changes().size() <= asked_for(experiment.traffic().deliveries()));
}

}  // namespace receiver::chaos
