#include <memory>
#include <random>
#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/chaos/experiment.h"

namespace receiver::chaos {

using test::Cluster;
using test::Environment;
using test::eventually;
using test::kPromptly;
using test::Operator;

namespace {

constexpr const char* kLeader = "leader_election_master_status{";

/// Waits for a random time.
void wait_a_while() {
  static std::mt19937 random{std::random_device{}()};
  std::this_thread::sleep_for(
      std::chrono::milliseconds(std::uniform_int_distribution(500, 2500)(random)));
}

}  // namespace

TEST_CASE("operator killed and started again, 5 times", "[quick][crash]") {
  const Cluster cluster;
  const World world(cluster);
  auto op = std::make_unique<Operator>(cluster);
  Experiment experiment(cluster, world, {op.get()});
  experiment.fault([&] {
    for (int round = 0; round < 5; ++round) {
      wait_a_while();
      op->kill();
      op = std::make_unique<Operator>(cluster);
      experiment.send_to({op.get()});
    }
  });
  experiment.recover();
  experiment.finish(Experiment::Queued::kMayBeLost);
}

TEST_CASE("operator asked to end (SIGTERM) under load, another one ready, 3 times",
          "[quick][crash]") {
  const Cluster cluster;
  const World world(cluster);
  const Environment settings{
      {"GRACEFUL_SHUTDOWN_TIMEOUT", "16s"}};  // a quarter of it is for new connections
  auto op = std::make_unique<Operator>(cluster, settings);
  Experiment experiment(cluster, world, {op.get()});
  experiment.fault([&] {
    for (int round = 0; round < 3; ++round) {
      auto next = std::make_unique<Operator>(cluster, settings);
      wait_a_while();
      op->terminate();
      // Endpoints are updated late; until then deliveries still arrive.
      const auto noticed = std::chrono::steady_clock::now() + 2s;
      eventually(
          "it is not ready", [&] { return !op->is_ready(); }, 2s);
      std::this_thread::sleep_until(noticed);
      experiment.send_to({next.get()});
      CHECK(op->exit_code(16s + kPromptly) == 0);
      op = std::move(next);
    }
  });
  experiment.recover();
  experiment.finish();
  for (const SentDelivery& sent : experiment.traffic().deliveries()) CHECK(sent.status == 200);
}

TEST_CASE("operator asked to end (SIGTERM) while the API server hangs for 6 s", "[crash]") {
  const Cluster cluster;
  const World world(cluster);
  Operator op(cluster, {{"GRACEFUL_SHUTDOWN_TIMEOUT", "20s"}});
  const Operator next(cluster);
  Experiment experiment(cluster, world, {&op});
  experiment.fault([&] {
    cluster.freeze_api_server();
    std::this_thread::sleep_for(2s);
    op.terminate();
    experiment.send_to({&next});
    std::this_thread::sleep_for(4s);
    cluster.thaw_api_server();
    CHECK(op.exit_code(20s - 4s + kPromptly) == 0);
  });
  experiment.recover();
  experiment.finish();
  for (const SentDelivery& sent : experiment.traffic().deliveries()) CHECK(sent.status == 200);
}

TEST_CASE("operator asked to end (SIGTERM) within 8 s while the API server hangs for good",
          "[crash]") {
  const Cluster cluster;
  const World world(cluster);
  Operator op(cluster, {{"GRACEFUL_SHUTDOWN_TIMEOUT", "8s"}});
  Experiment experiment(cluster, world, {&op});
  experiment.fault([&] {
    cluster.freeze_api_server();
    std::this_thread::sleep_for(2s);
    op.terminate();
    experiment.send_to({});
    CHECK(op.exit_code(8s + kPromptly) == 0);
    cluster.thaw_api_server();
  });
  const Operator next(cluster);
  experiment.send_to({&next});
  experiment.recover();
  experiment.finish(Experiment::Queued::kMayBeLost);
  for (const SentDelivery& sent : experiment.traffic().deliveries()) {
    INFO(sent.status << " " << sent.body);
    CHECK(sent.status != 0);
  }
}

TEST_CASE("no operator for 10 s: the next one catches up", "[quick][crash]") {
  const Cluster cluster;
  const World world(cluster);
  auto op = std::make_unique<Operator>(cluster);
  eventually("it leads", [&] { return op->sum_of_metrics(kLeader) == 1; });
  Experiment experiment(cluster, world, {op.get()});
  experiment.fault([&] {
    op->kill();
    std::this_thread::sleep_for(10s);
    // The last delivery without an answer: every refresh from now on is catch-up.
    experiment.send_to({});
  });
  op = std::make_unique<Operator>(cluster, Environment{{"CATCH_UP", "true"}});
  eventually(
      "it has caught up", [&] { return op->log().find("caught up") != std::string::npos; },
      kLeaseTime + 10s);
  const double refreshed =
      op->sum_of_metrics(R"(bitbucket_receiver_catch_up_objects_total{result="refreshed"})");
  CHECK(refreshed == static_cast<double>(World::kObjectsOfEach * world.projects().size()));
  experiment.finish(Experiment::Queued::kEvenUnanswered,
                    fmt::format("{} objects refreshed by catch-up", refreshed));
}

}  // namespace receiver::chaos
