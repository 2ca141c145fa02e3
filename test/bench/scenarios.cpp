#include "test/bench/scenarios.h"

#include <charconv>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "test/bench/at_once.h"
#include "test/bench/payload.h"

namespace receiver::bench {

namespace asio = boost::asio;
using Bound = Figure::Bound;

namespace {

constexpr std::size_t kBareConnections = 64;
constexpr std::size_t kStormSenders = 256;
constexpr std::size_t kBadSenders = 64;
constexpr int kCountedDeliveries = 50;

Delivery delivery_to(const Bench& bench, const Project& project) {
  return sign(project.path(bench.secret), cloud_push(project.repository(), "main"), bench.secret);
}

asio::awaitable<void> push(Receiver& receiver, Delivery delivery, std::size_t warehouses) {
  return receiver.deliver(std::move(delivery), 200,
                          fmt::format("\"refreshed {} warehouse(s)\"", warehouses));
}

/// Prints one round of one figure, and keeps it unless it is the first.
void add_round(Figure& figure, int round, Figure::Round measured) {
  fmt::print("  {:<16} {:<58} {:>9.5g} {:<12} floor {:>9.5g}   ratio {:.2f}\n",
             round == 0 ? "settling" : fmt::format("round {}", round), figure.what, measured.ours,
             figure.unit, measured.floor, measured.ratio());
  std::fflush(stdout);
  if (round > 0) figure.rounds.push_back(measured);
}

/// PATCHes per second of all Warehouses in turn, each connection with Warehouses of its own.
asio::awaitable<double> bare_rate(const Bench& bench, std::vector<kube::ObjectKey> warehouses) {
  std::vector<std::size_t> next(kBareConnections);
  for (std::size_t worker = 0; worker < kBareConnections; ++worker) next[worker] = worker;
  Work patch = [&](std::size_t worker) {
    const kube::ObjectKey& warehouse = warehouses[next[worker]];
    next[worker] += kBareConnections;
    if (next[worker] >= warehouses.size()) next[worker] = worker;
    return bench.api.refresh(warehouse);
  };
  const Load load = co_await closed_loop(kBareConnections, bench.extent.window, std::move(patch));
  co_return load.per_second;
}

/// What the API server counted so far of requests that could be the operator's: watches, which are
/// counted as they end, and the Lease are not among them.
asio::awaitable<double> requests_counted(kube::RestClient& administrator) {
  const auto metrics = co_await administrator.get("/metrics");
  if (!metrics) throw std::runtime_error("GET /metrics: " + metrics.error().message);
  std::string_view rest = *metrics;
  double total = 0;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const auto says = [line](std::string_view label) {
      return line.find(label) != std::string_view::npos;
    };
    const bool counts = line.starts_with("apiserver_request_total{") && !says("verb=\"WATCH\"") &&
                        (says("group=\"kargo.akuity.io\"") || says("group=\"events.k8s.io\"") ||
                         says("resource=\"secrets\""));
    double value = 0;
    if (counts)
      std::from_chars(line.data() + line.rfind(' ') + 1, line.data() + line.size(), value);
    total += value;
  }
  co_return total;
}

}  // namespace

asio::awaitable<std::vector<Figure>> one_delivery_alone(const Bench& bench) {
  const Project& project = bench.world.projects.front();
  const Delivery delivery = delivery_to(bench, project);
  Figure p50{"one delivery alone, 4 Warehouses: p50", "ms", Bound::kAtMost, 1.25};
  Work patch = [&](std::size_t index) { return bench.api.refresh(project.warehouse(index)); };
  for (int round = 0; round <= bench.extent.rounds; ++round) {
    Samples bare, delivered;
    // In turns, one by one: what else the machine does meets both alike.
    for (int i = 0; i < bench.extent.deliveries; ++i) {
      auto patches = at_once(project.warehouses, patch);
      const auto patches_took = co_await timed(std::move(patches));
      bare.add(patches_took);
      auto answer = push(bench.receiver, delivery, project.warehouses);
      const auto answer_took = co_await timed(std::move(answer));
      delivered.add(answer_took);
    }
    add_round(p50, round, {delivered.ms(0.5), bare.ms(0.5)});
  }
  co_return std::vector{std::move(p50)};
}

asio::awaitable<std::vector<Figure>> requests_per_delivery(const Bench& bench) {
  const Project& project = bench.world.projects.front();
  const Delivery delivery = delivery_to(bench, project);
  Figure requests{"API requests of one delivery, of which 4 are its PATCHes", "", Bound::kAtMost,
                  1};
  for (int round = 1; round <= bench.extent.rounds; ++round) {
    const double before = co_await requests_counted(bench.administrator);
    for (int i = 0; i < kCountedDeliveries; ++i) {
      auto answer = push(bench.receiver, delivery, project.warehouses);
      co_await std::move(answer);
    }
    const double after = co_await requests_counted(bench.administrator);
    const double each = (after - before) / kCountedDeliveries;
    const auto patches = static_cast<double>(project.warehouses);
    if (each < patches) throw std::runtime_error("acknowledged, but not every PATCH was sent");
    add_round(requests, round, {each, patches});
  }
  co_return std::vector{std::move(requests)};
}

asio::awaitable<std::vector<Figure>> under_load(const Bench& bench) {
  const World& world = bench.world;
  const Project& stormed = world.projects.front();
  std::vector<Delivery> deliveries;
  std::vector<kube::ObjectKey> warehouses;
  for (const Project& project : world.projects) {
    deliveries.push_back(delivery_to(bench, project));
    for (std::size_t i = 0; i < project.warehouses; ++i) warehouses.push_back(project.warehouse(i));
  }
  const Delivery fanned_out = delivery_to(bench, world.fan_out);

  Figure distinct{"32 senders, distinct projects, 4 Warehouses each: PATCHes", "a second",
                  Bound::kAtLeast, 0.9};
  Figure storm{"storm: 256 senders, one repository, 4 Warehouses: deliveries", "a second",
               Bound::kAtLeast, 20};
  Figure slowest{"storm: slowest answer, of 1 s", "s", Bound::kAtMost, 1};
  Figure fan_out{"fan-out: one push to 200 Warehouses: time", "ms", Bound::kAtMost, 1.15};

  Work push_own = [&](std::size_t sender) {
    return push(bench.receiver, deliveries[sender], world.projects[sender].warehouses);
  };
  Work push_same = [&](std::size_t) {
    return push(bench.receiver, deliveries.front(), stormed.warehouses);
  };
  for (int round = 0; round <= bench.extent.rounds; ++round) {
    const double bare = co_await bare_rate(bench, warehouses);

    const Load own = co_await closed_loop(deliveries.size(), bench.extent.window, push_own);
    const auto patches_each = static_cast<double>(stormed.warehouses);
    add_round(distinct, round, {own.per_second * patches_each, bare});

    Samples fans;
    for (int i = 0; i < bench.extent.fan_outs; ++i) {
      auto answer = push(bench.receiver, fanned_out, world.fan_out.warehouses);
      const auto took = co_await timed(std::move(answer));
      fans.add(took);
    }
    const auto targets = static_cast<double>(world.fan_out.warehouses);
    add_round(fan_out, round, {fans.ms(0.5), targets / bare * 1000});

    const Load same = co_await closed_loop(kStormSenders, bench.extent.window, push_same);
    add_round(storm, round, {same.per_second, bare / patches_each});
    add_round(slowest, round, {same.times.ms(1) / 1000, 1});
  }
  co_return std::vector{std::move(distinct), std::move(fan_out), std::move(storm),
                        std::move(slowest)};
}

asio::awaitable<std::vector<Figure>> bad_signatures(const Bench& bench) {
  const Project& project = bench.world.projects.front();
  Delivery forged = sign(project.path(bench.secret), cloud_push(project.repository(), "main"),
                         crypto::SecretString("another secret"));
  Figure figure{"badly signed requests, 64 senders", "a second", Bound::kAtLeast, 0.8};
  const std::string refusal = "unauthorized";
  Work to_floor = [&](std::size_t) { return bench.floor.deliver(forged, 401, refusal); };
  Work to_operator = [&](std::size_t) { return bench.receiver.deliver(forged, 401, refusal); };
  for (int round = 0; round <= bench.extent.rounds; ++round) {
    const Load floor = co_await closed_loop(kBadSenders, bench.extent.window, to_floor);
    const Load ours = co_await closed_loop(kBadSenders, bench.extent.window, to_operator);
    add_round(figure, round, {ours.per_second, floor.per_second});
  }
  co_return std::vector{std::move(figure)};
}

}  // namespace receiver::bench
