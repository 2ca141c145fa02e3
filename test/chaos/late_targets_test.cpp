#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "clock/clock.h"
#include "delivery.h"
#include "test/chaos/experiment.h"

using namespace receiver::chaos;
using receiver::clock::Wall;
using receiver::integration::Api;
using receiver::integration::cloud_push;
using receiver::integration::Cluster;
using receiver::integration::Operator;
using receiver::integration::Project;
using receiver::integration::sign;

namespace {

constexpr std::size_t kWarehouses = 60;
constexpr std::chrono::milliseconds kWithin = 15s;

/// Makes Warehouses and pushes to their repositories, each of both at a moment of its own.
class Newcomers {
 public:
  Newcomers(const Cluster& cluster, const Operator& op, const Project& project)
      : api_(cluster.admin()), op_(op), project_(project) {
    std::mt19937 random(Catch::rngSeed());
    std::uniform_int_distribution<long> moment(0, kWithin.count());
    const auto begun = std::chrono::steady_clock::now();
    for (std::size_t index = 0; index < kWarehouses; ++index) {
      const std::string slug = fmt::format("newcomer-{}", index);
      made_at_.emplace(begun + std::chrono::milliseconds(moment(random)), slug);
      threads_.emplace_back([this, slug, at = begun + std::chrono::milliseconds(moment(random))] {
        std::this_thread::sleep_until(at);
        push(slug);
      });
    }
    // One thread: the client takes one request after another.
    threads_.emplace_back([this] {
      for (const auto& [at, slug] : made_at_) {
        std::this_thread::sleep_until(at);
        while (!made(slug)) std::this_thread::sleep_for(100ms);
      }
    });
  }
  /// Returns when all are made and every push is answered.
  void join() { threads_.clear(); }

  struct Pushed {
    std::string warehouse;
    Wall::time_point begun;
    unsigned status;
  };
  /// After join().
  [[nodiscard]] const std::vector<Pushed>& pushed() const { return pushed_; }

 private:
  /// False while the API server is away.
  [[nodiscard]] bool made(const std::string& slug) const {
    try {
      const std::string path = project_.collection("warehouses") + "/" + slug;
      if (!api_.find(path)) project_.add_warehouse(slug, project_.repository(slug));
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }
  void push(const std::string& slug) {
    const auto begun = Wall::now();
    const auto answer = post(op_.url(World::path(project_)),
                             sign(cloud_push(project_.repository(slug), "main"), World::kSecret));
    const std::lock_guard lock(mutex_);
    pushed_.push_back({slug, begun, answer.status});
  }

  const Api& api_;
  const Operator& op_;
  const Project& project_;
  std::multimap<std::chrono::steady_clock::time_point, std::string> made_at_;
  std::mutex mutex_;
  std::vector<Pushed> pushed_;
  std::vector<std::jthread> threads_;
};

}  // namespace

TEST_CASE("Warehouses made, and pushed to, at any moment around an outage of the API server",
          "[quick][late-targets]") {
  const Cluster cluster;
  const World world(cluster);
  const Operator op(cluster);
  const Project& project = *world.projects().front();
  Experiment experiment(cluster, world, {&op});
  Newcomers newcomers(cluster, op, project);
  std::this_thread::sleep_for(4s);
  experiment.fault([&] {
    cluster.kill_api_server();
    std::this_thread::sleep_for(4s);
    cluster.start_api_server();
  });
  newcomers.join();
  experiment.recover();
  for (const Newcomers::Pushed& pushed : newcomers.pushed()) {
    INFO(pushed.warehouse << " pushed to at " << receiver::clock::format_nanos(pushed.begun)
                          << ", answered " << pushed.status);
    receiver::integration::eventually(
        "it is refreshed after its push",
        [&] {
          return refresh_of(project.warehouse(pushed.warehouse)) >
                 receiver::clock::format_nanos(pushed.begun);
        },
        Experiment::kRecovery);
  }
  const double late = op.metric("bitbucket_receiver_late_refreshes_total");
  CHECK(late > 0);
  experiment.finish(Experiment::Queued::kAllApplied,
                    fmt::format("{} of {} Warehouses seen after their push", late, kWarehouses));
}
