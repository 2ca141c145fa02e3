#include <thread>

#include <catch2/catch.hpp>

#include "test/chaos/experiment.h"

using namespace receiver::chaos;
using receiver::integration::Cluster;
using receiver::integration::Operator;

namespace {

/// Bitbucket Cloud is told to come again; Data Center, which would not, that the push is queued.
void check_held_until_deadline(const std::vector<Sent>& deliveries) {
  REQUIRE_FALSE(deliveries.empty());
  for (const Sent& sent : deliveries) {
    INFO("answered " << sent.status << " " << sent.body);
    CHECK(sent.status == (sent.cloud ? 503 : 202));
    CHECK(sent.answered - sent.last_byte > 7900ms);
    CHECK(sent.answered - sent.last_byte < 9500ms);
  }
}

}  // namespace

TEST_CASE("API server stopped for 5 s", "[quick][api-server]") {
  const Cluster cluster;
  const World world(cluster);
  const Operator op(cluster);
  Experiment experiment(cluster, world, {&op});
  experiment.fault([&] {
    cluster.stop_api_server();
    std::this_thread::sleep_for(5s);
    cluster.start_api_server();
  });
  experiment.recover();
  experiment.finish();
}

TEST_CASE("API server stopped for 60 s", "[api-server]") {
  const Cluster cluster;
  const World world(cluster);
  const Operator op(cluster);
  Experiment experiment(cluster, world, {&op});
  experiment.fault([&] {
    cluster.stop_api_server();
    std::this_thread::sleep_for(60s);
    cluster.start_api_server();
  });
  experiment.recover();
  experiment.finish();
  check_held_until_deadline(experiment.due_during_fault());
}
