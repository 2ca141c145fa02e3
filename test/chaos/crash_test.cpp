#include <random>
#include <thread>

#include <catch2/catch.hpp>

#include "test/chaos/experiment.h"

using namespace receiver::chaos;
using receiver::integration::Cluster;
using receiver::integration::Environment;
using receiver::integration::Operator;

namespace {

/// At no moment of anything in particular.
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
