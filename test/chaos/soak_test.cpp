#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <span>
#include <string>
#include <thread>
#include <utility>
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

/// An idle connection to the API server is kept for 90 s.
constexpr std::chrono::seconds kPooled{100};

/// SOAK_MINUTES; the first sixth is for warming up, the next one is compared with the last.
int minutes() {
  const char* text = std::getenv("SOAK_MINUTES");
  const int given = text != nullptr ? std::stoi(text) : 30;
  REQUIRE(given >= 3);
  return given;
}

std::size_t median_resident_kib(std::span<const Operator::Footprint> footprints) {
  std::vector<std::size_t> values;
  for (const auto& footprint : footprints) values.push_back(footprint.resident_kib);
  return median(std::move(values));
}

}  // namespace

/// `make soak`.
TEST_CASE("soak: mixed traffic, the API server restarted every minute", "[.][soak]") {
  const int count = minutes();
  const Cluster cluster;
  const World world(cluster);
  const Operator op(cluster, {{"LOG_LEVEL", "INFO"}});
  const auto& project = *world.projects().front();
  const auto at_rest = op.footprint();
  std::vector<Operator::Footprint> footprints;  // at the end of each minute
  Experiment experiment(cluster, world, {&op});
  {
    const SlowConnections slow(op.port(), World::path(project), 50);
    experiment.fault([&] {
      for (int minute = 1; minute <= count; ++minute) {
        const auto end = std::chrono::steady_clock::now() + 60s;
        cluster.kill_api_server();
        cluster.start_api_server();
        {
          const BadSignatures storm(op.port(), World::path(project), project.repository());
          std::this_thread::sleep_for(5s);
        }
        CHECK(std::chrono::steady_clock::now() < end);
        std::this_thread::sleep_until(end);
        const auto& now = footprints.emplace_back(op.footprint());
        std::cout << fmt::format("minute {}: {} KiB, {} descriptors, {} threads", minute,
                                 now.resident_kib, now.descriptors, now.threads)
                  << std::endl;
        CHECK(now.threads == at_rest.threads);
      }
    });
    experiment.recover();
  }
  const std::span all(footprints);
  const std::size_t sixth = std::max<std::size_t>(1, all.size() / 6);
  const std::size_t settled = median_resident_kib(all.subspan(sixth, sixth));
  const std::size_t last = median_resident_kib(all.last(sixth));
  experiment.finish(Experiment::Queued::kAllApplied,
                    fmt::format("resident {} KiB, then {} KiB", settled, last));
  CHECK(static_cast<double>(last) == Approx(static_cast<double>(settled)).epsilon(0.05));
  // Connections of the traffic come and go; none may stay.
  eventually(
      "there are no more descriptors than before the traffic",
      [&] { return op.footprint().descriptors <= at_rest.descriptors; }, kPooled);
}

}  // namespace receiver::chaos
