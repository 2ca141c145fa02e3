#include <algorithm>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/chaos/experiment.h"
#include "test/chaos/hostile.h"

namespace receiver::chaos {

using test::Cluster;
using test::eventually;
using test::median;
using test::Operator;

namespace {

constexpr std::size_t kSlowConnections = 2'000;
constexpr int kRounds = 5;
/// Two million requests that each leaked a byte would show.
constexpr std::size_t kFlatKib = 1'024;

/// For the deliveries of the last `window`, in milliseconds.
double p99_over(Experiment& experiment, std::chrono::seconds window) {
  const auto begin = clock::Wall::now();
  std::this_thread::sleep_for(window);
  std::vector<double> latencies;
  for (const SentDelivery& sent : experiment.traffic().deliveries()) {
    if (sent.begun < begin) continue;
    CHECK(sent.status == 200);
    latencies.push_back(std::chrono::duration<double, std::milli>(sent.took()).count());
  }
  REQUIRE(latencies.size() > 100);
  std::sort(latencies.begin(), latencies.end());
  return latencies[static_cast<std::size_t>(
                       std::ceil(0.99 * static_cast<double>(latencies.size()))) -
                   1];
}

/// All requests to the API server so far.
double api_requests(const Operator& op) {
  return op.sum_of_metrics("rest_client_requests_total{");
}

}  // namespace

TEST_CASE("2,000 slow connections held open", "[storm]") {
  const Cluster cluster;
  const World world(cluster);
  const Operator op(cluster, {{"MAX_CONNECTIONS", std::to_string(kSlowConnections + 100)}});
  Experiment experiment(cluster, world, {&op});
  // Alternating, so that other load on the machine affects both alike.
  std::vector<double> quiet;
  std::vector<double> stormy;
  for (int round = 0; round < kRounds; ++round) {
    quiet.push_back(p99_over(experiment, 6s));
    const SlowConnections slow(op.port(), World::path(*world.projects().front()), kSlowConnections);
    eventually("they are open", [&] {
      return op.metric(R"(bitbucket_receiver_http_connections{server="webhook"})") >=
             0.98 * kSlowConnections;
    });
    stormy.push_back(p99_over(experiment, 6s));
  }
  const double before = median(quiet);
  const double during = median(stormy);
  experiment.finish(Experiment::Queued::kAllApplied,
                    fmt::format("p99 {:.1f} ms, quiet {:.1f} ms", during, before));
  CHECK(during <= 2 * before);
}

TEST_CASE("badly signed requests at full speed for 60 s", "[storm]") {
  const Cluster cluster;
  const World world(cluster);
  // Without the Lease, every request is for a delivery.
  const Operator op(cluster, {{"LEADER_ELECT", "false"}, {"LOG_LEVEL", "INFO"}});
  const auto& project = *world.projects().front();
  Experiment experiment(cluster, world, {&op});
  const std::string refused =
      R"(bitbucket_receiver_deliveries_total{event="repo:push",outcome="bad_signature")";
  BadSignatures storm(op.port(), World::path(project), project.repository());
  std::this_thread::sleep_for(15s);  // until memory has adapted to the storm
  const auto footprint = op.footprint();
  const double requests_before = api_requests(op);
  const std::size_t changes_before = experiment.changes().size();
  std::this_thread::sleep_for(60s);
  const double requests = api_requests(op) - requests_before;
  const std::size_t changes = experiment.changes().size() - changes_before;
  const auto footprint_after = op.footprint();
  const std::size_t sent = storm.stop();

  experiment.finish(Experiment::Queued::kAllApplied,
                    fmt::format("{} refused, resident {} KiB, then {} KiB", sent,
                                footprint.resident_kib, footprint_after.resident_kib));
  CHECK(op.sum_of_metrics(refused) >= static_cast<double>(sent));
  // Only requests for good deliveries, of which some are in flight at either end.
  CHECK(std::abs(requests - static_cast<double>(changes)) <= 20);
  CHECK(footprint_after.resident_kib <= footprint.resident_kib + kFlatKib);
  CHECK(footprint_after.threads == footprint.threads);
  for (const SentDelivery& delivery : experiment.traffic().deliveries()) {
    CHECK(delivery.status == 200);
    CHECK(delivery.took() < 1s);
  }
}

}  // namespace receiver::chaos
