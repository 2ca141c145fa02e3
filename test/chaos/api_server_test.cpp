#include <functional>
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

/// Of a fault that lasts long enough, the deliveries within it are looked at too.
void outage(const std::function<void(const Cluster&)>& fault, bool beyond_answer_deadline) {
  const Cluster cluster;
  const World world(cluster);
  const Operator op(cluster);
  Experiment experiment(cluster, world, {&op});
  experiment.fault([&] { fault(cluster); });
  experiment.recover();
  experiment.finish();
  if (beyond_answer_deadline) check_held_until_deadline(experiment.due_during_fault());
}

}  // namespace

TEST_CASE("API server killed, started after 5 s", "[quick][api-server]") {
  outage(
      [](const Cluster& cluster) {
        cluster.kill_api_server();
        std::this_thread::sleep_for(5s);
        cluster.start_api_server();
      },
      false);
}

TEST_CASE("API server stopped, started after 60 s", "[api-server]") {
  outage(
      [](const Cluster& cluster) {
        cluster.stop_api_server();
        std::this_thread::sleep_for(60s);
        cluster.start_api_server();
      },
      true);
}

TEST_CASE("API server restarted", "[api-server]") {
  outage(
      [](const Cluster& cluster) {
        cluster.stop_api_server();
        cluster.start_api_server();
      },
      false);
}

TEST_CASE("API server frozen for 20 s", "[quick][api-server]") {
  outage(
      [](const Cluster& cluster) {
        cluster.freeze_api_server();
        std::this_thread::sleep_for(20s);
        cluster.thaw_api_server();
      },
      true);
}

TEST_CASE("etcd stopped for 20 s", "[quick][api-server]") {
  outage(
      [](const Cluster& cluster) {
        cluster.stop_etcd();
        std::this_thread::sleep_for(20s);
        cluster.start_etcd();
      },
      true);
}
