// A push may arrive before its object exists, or before any replica has seen it (SPEC 3, late
// targets).

#include <algorithm>
#include <future>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/chaos/experiment.h"
#include "test/support/delivery.h"

namespace receiver::chaos {

using clock::Wall;
using test::Cluster;
using test::Operator;
using test::Project;

namespace {

constexpr std::chrono::seconds kBetweenOutages = 12s;
constexpr std::chrono::seconds kOutages[] = {4s, 15s};  // shorter and longer than the backoff
constexpr std::size_t kPairs = 60;
/// 2 s for the watches after the first success, 2 s more for the refresh; and extra time, because
/// the API server's caches are empty and the machine is busy.
constexpr std::chrono::seconds kLimit = 6s;

/// A Warehouse and the one push to its repository, each at a random time.
struct Pair {
  std::string slug;
  Time pushed_at{};
  Time created_at{};
  http::Response answer{};
};

void create_once_possible(const Project& project, Pair& pair) {
  for (;;) {
    try {
      project.add_warehouse(pair.slug, project.repository(pair.slug));
      pair.created_at = Wall::now();
      return;
    } catch (const std::exception&) {  // the API server is unavailable
      std::this_thread::sleep_for(50ms);
    }
  }
}

std::optional<Time> first_refresh_since(const std::vector<Change>& changes,
                                        const std::string& object, Time since) {
  std::optional<Time> first;
  for (const Change& change : changes) {
    if (change.object != object) continue;
    const Time began = clock::parse_rfc3339(change.token).value();
    if (began > since && (!first || began < *first)) first = began;
  }
  return first;
}

}  // namespace

TEST_CASE("Warehouses made and pushed to at any moments around outages of 4 s and 15 s", "[late]") {
  const auto seed = std::random_device{}();
  std::mt19937 random(seed);
  INFO("seed " << seed);
  const Cluster cluster;
  const World world(cluster);
  const Project& project = *world.projects().front();
  const Operator op(cluster);
  Experiment experiment(cluster, world, {&op});

  std::chrono::milliseconds all = kBetweenOutages;
  for (const auto outage : kOutages) all += outage + kBetweenOutages;
  std::uniform_int_distribution<std::chrono::milliseconds::rep> moment(0, all.count());
  const Time start = Wall::now();
  std::vector<Pair> pairs(kPairs);
  std::vector<std::future<void>> acts;
  std::multimap<Time, Pair*> to_create;
  for (std::size_t index = 0; index < kPairs; ++index) {
    Pair& pair = pairs[index];
    pair.slug = fmt::format("late-{}", index);
    const Time push_at = start + std::chrono::milliseconds(moment(random));
    to_create.emplace(start + std::chrono::milliseconds(moment(random)), &pair);
    acts.push_back(std::async(std::launch::async, [&pair, &project, &op, push_at] {
      std::this_thread::sleep_until(push_at);
      pair.pushed_at = Wall::now();
      pair.answer =
          test::post(op.url(World::path(project)),
                     sign(test::cloud_push(project.repository(pair.slug), "main"), World::kSecret));
    }));
  }
  // One after another: the administrator's client sends one request at a time.
  acts.push_back(std::async(std::launch::async, [&project, &to_create] {
    for (const auto& [create_at, pair] : to_create) {
      std::this_thread::sleep_until(create_at);
      create_once_possible(project, *pair);
    }
  }));
  std::vector<std::pair<Time, Time>> outages;
  experiment.fault([&] {
    for (const auto outage : kOutages) {
      std::this_thread::sleep_for(kBetweenOutages);
      const Time away = Wall::now();
      cluster.kill_api_server();
      std::this_thread::sleep_for(outage);
      cluster.start_api_server();
      outages.emplace_back(away, Wall::now());
    }
    std::this_thread::sleep_for(kBetweenOutages);
  });
  for (auto& act : acts) act.get();
  experiment.recover();
  std::this_thread::sleep_for(kLimit);

  const std::vector<Change> changes = experiment.changes();
  std::size_t before_their_object = 0;
  std::chrono::milliseconds latest{0};
  for (const Pair& pair : pairs) {
    Time due = std::max(pair.pushed_at, pair.created_at);
    // Changes during an outage, or just before it, are seen after it.
    for (const auto& [away, back] : outages) {
      if (due > away - 2s && due < back) due = back;
    }
    const auto refreshed = first_refresh_since(
        changes, "warehouses/" + project.name() + "/" + pair.slug, pair.pushed_at);
    INFO(pair.slug << ": pushed " << clock::format_nanos(pair.pushed_at) << ", made "
                   << clock::format_nanos(pair.created_at) << ", answered "
                   << test::text_of(pair.answer));
    REQUIRE(refreshed);
    INFO("refreshed " << clock::format_nanos(*refreshed));
    CHECK(*refreshed < due + kLimit);
    before_their_object += pair.pushed_at < pair.created_at ? 1 : 0;
    latest =
        std::max(latest, std::chrono::duration_cast<std::chrono::milliseconds>(*refreshed - due));
  }
  CHECK(before_their_object > 5);
  experiment.finish(Experiment::Queued::kAllApplied,
                    fmt::format("{} pushes before their Warehouse; the last refresh {} ms late",
                                before_their_object, latest.count()));
}

}  // namespace receiver::chaos
