#include <algorithm>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/chaos/etcd.h"
#include "test/chaos/experiment.h"
#include "test/chaos/hostile.h"
#include "test/chaos/memory_limit.h"
#include "test/support/delivery.h"

namespace receiver::chaos {

using test::Cluster;
using test::data_center_push;
using test::Delivery;
using test::eventually;
using test::eventually_equals;
using test::Operator;
using test::post;
using test::post_meanwhile;
using test::Project;
using test::sign;
using test::text_of;
using test::try_get;

namespace {

// The operator's default limits.
constexpr std::size_t kConnections = 2'000;
constexpr std::size_t kBodyBytes = 2UL * 1024 * 1024;
constexpr std::size_t kBodies = 16;
/// The bodies of waiting deliveries leave no room for the last one.
constexpr std::size_t kBytesHeld = (kBodies - 1) * (kBodyBytes - 1);

constexpr std::size_t kRepositories = 5;
constexpr std::size_t kWarehousesEach = 9'990;
constexpr std::size_t kObjects = kRepositories * kWarehousesEach;
constexpr std::size_t kTooMany = 100;
constexpr std::chrono::seconds kRead = 120s;
/// One after another, at the API server's own speed.
constexpr std::chrono::seconds kAllPatched = 360s;
const std::string kOverloaded = "503 {\"error\":\"overloaded\"}\n";

/// A project with as many Warehouses as fit into the operator's queue, and some more.
class ManyWarehouses {
 public:
  explicit ManyWarehouses(const Cluster& cluster) : etcd_(cluster), project_(cluster) {
    project_.put_secret("bb-secret", {{"secret", World::kSecret}});
    project_.declare({{"bb", "bb-secret"}});
    for (std::size_t index = 0; index < kRepositories; ++index) create(index, kWarehousesEach);
    create(kRepositories, kTooMany);
    // Warehouses of one transaction share a version: only a list contains all of them.
    cluster.kill_api_server();
    cluster.start_api_server();
  }
  ~ManyWarehouses() { etcd_.delete_warehouses(project_.name()); }
  ManyWarehouses(const ManyWarehouses&) = delete;
  ManyWarehouses& operator=(const ManyWarehouses&) = delete;

  [[nodiscard]] std::string path() const { return World::path(project_); }
  [[nodiscard]] Delivery push(std::size_t index) const {
    return sign(data_center_push({repository(index)}, "refs/heads/main"), World::kSecret);
  }
  /// A push that no longer fits. Its Warehouses were created last: an operator that knows them
  /// knows all.
  [[nodiscard]] Delivery push_too_many() const { return push(kRepositories); }

 private:
  [[nodiscard]] std::string repository(std::size_t index) const {
    return fmt::format("https://git.example.com/scm/{}/many-{}.git", project_.name(), index);
  }
  void create(std::size_t index, std::size_t count) const {
    etcd_.create_warehouses(project_.name(), fmt::format("many-{}", index), repository(index),
                            count);
  }

  Etcd etcd_;
  Project project_;
};

double gauge(const Operator& op, const char* name) {
  return op.metric(fmt::format("bitbucket_receiver_{}", name));
}

/// Waiting objects, bytes of bodies and connections, each up to its limit.
std::string at_bounds(const Operator& op, std::size_t objects, std::size_t body_bytes,
                      std::size_t connections) {
  const auto up_to = [&op](const char* name, std::size_t bound) {
    return std::min(gauge(op, name), static_cast<double>(bound));
  };
  return fmt::format("{} objects, {} bytes, {} connections",
                     up_to("refresh_queue_objects", objects),
                     up_to(R"(http_body_bytes{server="webhook"})", body_bytes),
                     up_to(R"(http_connections{server="webhook"})", connections));
}

void await_bounds(const Operator& op, std::size_t objects, std::size_t body_bytes,
                  std::size_t connections) {
  eventually_equals(
      "the bounds are reached", [&] { return at_bounds(op, objects, body_bytes, connections); },
      fmt::format("{} objects, {} bytes, {} connections", objects, body_bytes, connections));
}

/// Also if the test fails: otherwise nothing could be cleaned up.
class Frozen {
 public:
  explicit Frozen(const Cluster& cluster) : cluster_(cluster) { cluster_.freeze_api_server(); }
  ~Frozen() { cluster_.thaw_api_server(); }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;

 private:
  const Cluster& cluster_;
};

}  // namespace

TEST_CASE("all bounds reached at once under the chart's memory limit", "[bounds]") {
  const std::size_t limit = memory_limit_of_chart();
  const Cluster cluster;
  const World world(cluster);
  const ManyWarehouses many(cluster);
  const MemoryLimit memory(limit);
  const Operator op(cluster, {{"LOG_LEVEL", "INFO"}}, Operator::Await::kNothing, memory.launcher());
  eventually(
      "the operator is ready", [&] { return op.is_ready(); }, kRead);
  Experiment experiment(cluster, world, {&op});
  const std::string url = op.url(many.path());
  eventually_equals(
      "the operator knows all Warehouses", [&] { return post(url, many.push_too_many()).body; },
      fmt::format("{{\"msg\":\"refreshed {} warehouse(s)\"}}\n", kTooMany), kRead);

  std::vector<std::future<http::Response>> fanned_out;
  experiment.fault([&] {
    const Frozen frozen(cluster);
    for (std::size_t index = 0; index < kRepositories; ++index) {
      fanned_out.push_back(post_meanwhile(url, many.push(index)));
    }
    await_bounds(op, kObjects, 0, 0);
    CHECK(text_of(post(url, many.push_too_many())) == kOverloaded);

    const HeldBodies bodies(op.port(), many.path(), kBodies, kBodyBytes);
    await_bounds(op, kObjects, kBytesHeld, 0);
    CHECK(text_of(post(url, many.push_too_many())) == kOverloaded);

    experiment.send_to({});  // its connections are not needed any more
    const SlowConnections slow(op.port(), many.path(), kConnections);
    await_bounds(op, kObjects, kBytesHeld, kConnections);
    const auto turned_away = try_get(op.origin() + "/healthz");
    CHECK((turned_away && turned_away->status == 503));
    std::this_thread::sleep_for(5s);
  });
  experiment.send_to({&op});
  for (auto& answer : fanned_out) CHECK(answer.get().status == 202);
  experiment.recover();
  // Others do not wait for them, but all are applied.
  eventually(
      "the queue is empty", [&] { return gauge(op, "refresh_queue_objects") == 0; }, kAllPatched);
  const std::size_t peak = memory.peak_bytes() / 1024 / 1024;
  experiment.finish(Experiment::Queued::kSomeTurnedAway,
                    fmt::format("peak {} of {} MiB", peak, limit / 1024 / 1024));
  for (const SentDelivery& sent : experiment.traffic().deliveries()) {
    INFO(sent.status << " " << sent.body);
    CHECK(sent.status != 0);
    if (sent.status != 503) continue;
    CHECK_THAT(sent.body, Catch::Contains("overloaded") || Catch::Contains("failed to refresh"));
  }
  for (const char* reached : {"bodies_bytes", "connections"}) {
    INFO(reached);
    CHECK(op.sum_of_metrics(fmt::format(
              R"(bitbucket_receiver_http_refusals_total{{limit="{}",server="webhook")", reached)) >
          0);
  }
}

}  // namespace receiver::chaos
