#include <functional>
#include <thread>

#include <catch2/catch.hpp>

#include "test/chaos/experiment.h"

namespace receiver::chaos {

using test::Cluster;
using test::Operator;

namespace {

/// While the API server is unavailable, Bitbucket Cloud is asked to resend; Data Center, which
/// never does, is told that the push is queued.
void check_held_until_deadline(const std::vector<SentDelivery>& deliveries) {
  REQUIRE_FALSE(deliveries.empty());
  for (const SentDelivery& sent : deliveries) {
    INFO("answered " << sent.status << " " << sent.body);
    CHECK(sent.status == (sent.cloud ? 503 : 202));
    CHECK(sent.answered - sent.begun > kHeldFor);
    CHECK(sent.answered - sent.begun < kAnsweredWithin);
  }
}

using Act = void (Cluster::*)() const;

/// During the outage, deliveries are checked one by one if there is time for their answers.
void outage(Act begin, std::chrono::seconds lasts, Act end) {
  const Cluster cluster;
  const World world(cluster);
  const Operator op(cluster);
  Experiment experiment(cluster, world, {&op});
  Time away;
  Time back;
  experiment.fault([&] {
    std::invoke(begin, cluster);
    away = clock::Wall::now();
    std::this_thread::sleep_for(lasts);
    back = clock::Wall::now();
    std::invoke(end, cluster);
  });
  experiment.recover();
  experiment.finish();
  if (lasts > 12s) check_held_until_deadline(experiment.due_between(away, back));
}

}  // namespace

TEST_CASE("API server killed, started after 5 s", "[api-server]") {
  outage(&Cluster::kill_api_server, 5s, &Cluster::start_api_server);
}

TEST_CASE("API server stopped, started after 60 s", "[api-server]") {
  outage(&Cluster::stop_api_server, 60s, &Cluster::start_api_server);
}

TEST_CASE("API server restarted", "[api-server]") {
  outage(&Cluster::stop_api_server, 0s, &Cluster::start_api_server);
}

TEST_CASE("API server frozen for 20 s", "[quick][api-server]") {
  outage(&Cluster::freeze_api_server, 20s, &Cluster::thaw_api_server);
}

TEST_CASE("etcd stopped for 20 s", "[api-server]") {
  outage(&Cluster::kill_etcd, 20s, &Cluster::start_etcd);
}

}  // namespace receiver::chaos
