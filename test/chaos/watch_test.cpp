#include <cstdlib>
#include <filesystem>
#include <string>

#include <catch2/catch.hpp>

#include "test/chaos/etcd.h"
#include "test/chaos/experiment.h"
#include "test/chaos/faulty_way.h"

namespace receiver::chaos {

using test::Cluster;
using test::Operator;
using test::run;

namespace {

/// Drops packets as a middlebox without connection state does. Only in a network namespace of its
/// own, which run.sh creates, and not in the one that CHAOS_OUTSIDE names.
class PacketsDropped {
 public:
  PacketsDropped() {
    const char* outside = std::getenv("CHAOS_OUTSIDE");
    REQUIRE(outside != nullptr);
    REQUIRE(std::filesystem::read_symlink("/proc/self/ns/net") != outside);
  }
  ~PacketsDropped() { (void)run({"/usr/sbin/iptables", "-F"}); }
  PacketsDropped(const PacketsDropped&) = delete;
  PacketsDropped& operator=(const PacketsDropped&) = delete;

  /// For the operator's current connections to that port; new ones work.
  void from_now_on(const Operator& op, const std::string& port) const {
    const auto finished = run({"/bin/bash", "-euo", "pipefail", "-c", R"(
      count=0
      for own in $(ss -Htnp state established dport = :$1 | grep -F "pid=$2," | awk '{ sub(/.*:/, "", $3); print $3 }'); do
        iptables -A OUTPUT -p tcp --sport "$own" --dport "$1" -j DROP
        iptables -A OUTPUT -p tcp --sport "$1" --dport "$own" -j DROP
        ((++count))
      done
      ((count > 5)))",
                               "bash", port, std::to_string(op.id())});
    INFO(finished.output);
    REQUIRE(finished.exit_code == 0);
  }
};

}  // namespace

TEST_CASE("watches closed, 5 times", "[quick][watch]") {
  FaultyWay way;
  const Operator op = way.start();
  Experiment experiment(way.cluster, way.world, {&op});
  for (const auto& project : way.world.projects()) {
    CHECK(way.proxy.cut_watches() > 0);
    check_sees_what_it_missed(op, *project, "new", 10s);
  }
  experiment.finish();
}

TEST_CASE("etcd compacted while the API server is away: the watches' version is gone (410)",
          "[quick][watch]") {
  const Cluster cluster;
  const World world(cluster);
  const Operator op(cluster);
  const std::string lists = R"(bitbucket_receiver_reflector_lists_total{kind="warehouses"})";
  const double lists_before = op.sum_of_metrics(lists);
  Experiment experiment(cluster, world, {&op});
  experiment.fault([&] {
    cluster.kill_api_server();
    Etcd(cluster).compact();
    cluster.start_api_server();
  });
  check_sees_what_it_missed(op, *world.projects().front(), "new", Experiment::kRecovery);
  experiment.recover();
  experiment.finish();
  CHECK(op.sum_of_metrics(lists) > lists_before);
}

TEST_CASE("established connections to the API server go dead silently", "[watch]") {
  const Cluster cluster;
  const World world(cluster);
  const Operator op(cluster);
  Experiment experiment(cluster, world, {&op});
  const PacketsDropped dropped;
  experiment.fault([&] { dropped.from_now_on(op, cluster.setting("APISERVER_PORT")); });
  experiment.recover();
  // If nothing is sent, keep-alive probes detect it after 40 s.
  check_sees_what_it_missed(op, *world.projects().front(), "new", 60s);
  experiment.finish();
  // There was time for another connection.
  for (const SentDelivery& sent : experiment.traffic().deliveries()) CHECK(sent.status == 200);
}

}  // namespace receiver::chaos
