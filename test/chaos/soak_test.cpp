#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/chaos/experiment.h"
#include "test/chaos/hostile.h"

using namespace receiver::chaos;
using receiver::integration::Cluster;
using receiver::integration::Operator;

namespace {

/// 5 % of a few megabytes are some pages of the allocator.
constexpr std::size_t kSoakFlatKib = 1'024;

/// SOAK_MINUTES; the first sixth is for settling.
int minutes() {
  const char* text = std::getenv("SOAK_MINUTES");
  const int given = text != nullptr ? std::stoi(text) : 30;
  REQUIRE(given >= 2);
  return given;
}

}  // namespace

/// `make soak`.
TEST_CASE("soak: mixed traffic, the API server restarted every minute", "[.][soak]") {
  const int count = minutes();
  const Cluster cluster;
  const World world(cluster);
  const Operator op(cluster, {{"LOG_LEVEL", "INFO"}});
  const auto& project = *world.projects().front();
  Experiment experiment(cluster, world, {&op});
  const SlowConnections slow(op.port(), World::path(project), 50);
  Operator::Footprint first{};
  Operator::Footprint last{};
  experiment.fault([&] {
    for (int minute = 1; minute <= count; ++minute) {
      const auto end = std::chrono::steady_clock::now() + 60s;
      cluster.kill_api_server();
      cluster.start_api_server();
      {
        const BadSignatures storm(op.port(), World::path(project), project.repository());
        std::this_thread::sleep_for(5s);
      }
      std::this_thread::sleep_until(end);
      last = op.footprint();
      if (minute <= std::max(1, count / 6)) first = last;
      std::cout << fmt::format("minute {}: {} KiB, {} descriptors, {} threads", minute,
                               last.resident_kib, last.descriptors, last.threads)
                << std::endl;
    }
  });
  experiment.recover();
  experiment.finish(
      Experiment::Queued::kAllApplied,
      fmt::format("resident {} KiB, then {} KiB; {} descriptors, then {}", first.resident_kib,
                  last.resident_kib, first.descriptors, last.descriptors));
  const std::size_t flat = std::max(first.resident_kib / 20, kSoakFlatKib);
  CHECK(last.resident_kib <= first.resident_kib + flat);
  CHECK(last.resident_kib + flat >= first.resident_kib);
  CHECK(last.threads == first.threads);
  CHECK(last.descriptors <= first.descriptors + 16);
}
