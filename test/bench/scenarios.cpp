#include "test/bench/scenarios.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "clock/clock.h"
#include "test/bench/acknowledged.h"
#include "test/bench/at_once.h"
#include "test/bench/measured_operator.h"
#include "test/bench/payload.h"

namespace receiver::bench {

namespace asio = boost::asio;
using Bound = Figure::Bound;

namespace {

constexpr std::size_t kBareConnections = 64;
constexpr std::size_t kStormSenders = 256;
constexpr std::size_t kBadSenders = 64;
constexpr int kCountedDeliveries = 50;
/// Pause so that each push finds its project at rest.
constexpr std::chrono::milliseconds kBetweenPushes{50};
/// Enough deliveries for a p99.
constexpr std::chrono::milliseconds kRateWindow{5'000};

std::vector<http::Request> deliveries_to(const Bench& bench) {
  std::vector<http::Request> deliveries;
  for (const Project& project : bench.workload.projects) {
    deliveries.push_back(delivery_to(project, bench.secret));
  }
  return deliveries;
}

std::vector<kube::ObjectKey> warehouses_of(const std::vector<Project>& projects) {
  std::vector<kube::ObjectKey> keys;
  for (const Project& project : projects) {
    for (std::size_t i = 0; i < project.warehouses; ++i) keys.push_back(project.warehouse(i));
  }
  return keys;
}

/// PATCHes per second of all Warehouses in turn; each connection has its own Warehouses.
asio::awaitable<double> bare_rate(const Bench& bench, std::vector<kube::ObjectKey> warehouses,
                                  std::size_t connections) {
  std::vector<std::size_t> next(connections);
  for (std::size_t worker = 0; worker < connections; ++worker) next[worker] = worker;
  Work patch = [&](std::size_t worker) {
    const kube::ObjectKey& warehouse = warehouses[next[worker]];
    next[worker] += connections;
    if (next[worker] >= warehouses.size()) next[worker] = worker;
    return bench.api.refresh(warehouse);
  };
  const Load load = co_await closed_loop(connections, bench.extent.window, std::move(patch));
  co_return load.per_second;
}

/// Alternates with a load: the mean of the bare rates before, between and after.
asio::awaitable<double> bare_rate_around(const Bench& bench,
                                         std::vector<kube::ObjectKey> warehouses,
                                         std::size_t connections,
                                         std::function<asio::awaitable<void>()> load) {
  double sum = co_await bare_rate(bench, warehouses, connections);
  for (int turn = 0; turn < bench.extent.turns; ++turn) {
    auto loading = load();
    co_await std::move(loading);
    sum += co_await bare_rate(bench, warehouses, connections);
  }
  co_return sum / (bench.extent.turns + 1);
}

/// Each sender pushes to its own project; in PATCHes per second.
struct OwnProjects {
  double patches = 0;
  double bare = 0;
  Samples times;
};
asio::awaitable<OwnProjects> push_to_own_projects(const Bench& bench, std::size_t senders,
                                                  std::size_t bare_connections,
                                                  Acknowledged& acknowledged) {
  const std::vector<http::Request> deliveries = deliveries_to(bench);
  const auto each = static_cast<double>(bench.workload.projects.front().warehouses);
  OwnProjects own;
  Work push_own = [&](std::size_t sender) {
    return push(bench.receiver, bench.workload.projects[sender], deliveries[sender], acknowledged);
  };
  std::function<asio::awaitable<void>()> load = [&]() -> asio::awaitable<void> {
    const Load one = co_await closed_loop(senders, bench.extent.window, push_own);
    own.patches += one.per_second * each / bench.extent.turns;
    own.times.add(one.times);
  };
  own.bare = co_await bare_rate_around(bench, warehouses_of(bench.workload.projects),
                                       bare_connections, std::move(load));
  acknowledged.check();
  co_return own;
}

/// The times of pushes to each project in turn, at a fixed pace, while the load lasts.
asio::awaitable<Samples> push_beside(const Bench& bench, Acknowledged& acknowledged,
                                     std::function<asio::awaitable<void>()> load) {
  const std::vector<http::Request> deliveries = deliveries_to(bench);
  const std::size_t projects = deliveries.size();
  const auto begin = clock::Steady::now();
  bool loaded = true;
  Samples times;
  Work work = [&](std::size_t worker) -> asio::awaitable<void> {
    if (worker == projects) {
      auto loading = load();
      co_await std::move(loading);
      loaded = false;
      co_return;
    }
    for (auto due = begin + kBetweenPushes * (worker + 1);; due += kBetweenPushes * projects) {
      co_await pause_for(due - clock::Steady::now());
      if (!loaded) co_return;
      auto answer =
          push(bench.receiver, bench.workload.projects[worker], deliveries[worker], acknowledged);
      co_await std::move(answer);
      times.add(clock::Steady::now() - due);
    }
  };
  co_await at_once(projects + 1, std::move(work));
  co_return times;
}

}  // namespace

void add_round(Figure& figure, int round, Figure::Round measured) {
  fmt::print("  {:<16} {:<58} {:>9.5g} {:<12} floor {:>9.5g}   ratio {:.2f}\n",
             round == 0 ? "settling" : fmt::format("round {}", round), figure.what, measured.ours,
             figure.unit, measured.floor, measured.ratio());
  std::fflush(stdout);
  if (round > 0) figure.rounds.push_back(measured);
}

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
    if (counts) {
      std::from_chars(line.data() + line.rfind(' ') + 1, line.data() + line.size(), value);
    }
    total += value;
  }
  co_return total;
}

asio::awaitable<void> until_nothing_is_counted(kube::RestClient& administrator) {
  for (double before = -1;;) {
    const double now = co_await requests_counted(administrator);
    if (now == before) co_return;
    before = now;
    co_await pause_for(std::chrono::seconds(1));
  }
}

asio::awaitable<Report> one_delivery_alone(const Bench& bench) {
  const Project& project = bench.workload.projects.front();
  const http::Request delivery = delivery_to(project, bench.secret);
  Figure p50{"one delivery alone, 4 Warehouses: p50", "ms", Bound::kAtMost, 1.15};
  Work patch = [&](std::size_t index) { return bench.api.refresh(project.warehouse(index)); };
  for (int round = 0; round <= bench.extent.rounds; ++round) {
    Acknowledged acknowledged(bench.etcd_port);
    Samples bare, delivered;
    // Alternating one by one, so that other load on the machine affects both alike.
    for (int i = 0; i < bench.extent.deliveries; ++i) {
      auto patches = at_once(project.warehouses, patch);
      const auto patches_took = co_await timed(std::move(patches));
      bare.add(patches_took);
      auto answer = push(bench.receiver, project, delivery, acknowledged);
      const auto answer_took = co_await timed(std::move(answer));
      delivered.add(answer_took);
    }
    acknowledged.check();
    add_round(p50, round, {delivered.ms(0.5), bare.ms(0.5)});
  }
  co_return Report{{std::move(p50)}, {}};
}

asio::awaitable<Report> requests_per_delivery(const Bench& bench) {
  const Project& project = bench.workload.projects.front();
  const http::Request delivery = delivery_to(project, bench.secret);
  Figure requests{"API requests of one delivery, of which 4 are its PATCHes", "", Bound::kAtMost,
                  1};
  requests.over_limit = true;
  co_await until_nothing_is_counted(bench.administrator);
  for (int round = 1; round <= bench.extent.rounds; ++round) {
    Acknowledged acknowledged(bench.etcd_port);
    const double before = co_await requests_counted(bench.administrator);
    for (int i = 0; i < kCountedDeliveries; ++i) {
      auto answer = push(bench.receiver, project, delivery, acknowledged);
      co_await std::move(answer);
    }
    const double after = co_await requests_counted(bench.administrator);
    const double each = (after - before) / kCountedDeliveries;
    const auto patches = static_cast<double>(project.warehouses);
    if (each < patches) throw std::runtime_error("acknowledged, but not every PATCH was sent");
    acknowledged.check();
    add_round(requests, round, {each, patches});
  }
  co_return Report{{std::move(requests)}, {}};
}

asio::awaitable<Report> under_load(const Bench& bench) {
  const Workload& workload = bench.workload;
  const Project& stormed = workload.projects.front();
  const http::Request to_stormed = delivery_to(stormed, bench.secret);
  const http::Request fanned_out = delivery_to(workload.fan_out, bench.secret);

  Figure distinct{"32 senders, distinct projects, 4 Warehouses each: PATCHes", "a second",
                  Bound::kAtLeast, 0.9};
  Figure storm{"storm: 256 senders, one repository, 4 Warehouses: deliveries", "a second",
               Bound::kAtLeast, 20};
  Figure slowest{"storm: slowest answer, of 1 s", "s", Bound::kAtMost, 1};
  slowest.by_worst = true;
  slowest.over_limit = true;
  Figure fan_out{"fan-out: one push to 200 Warehouses: time", "ms", Bound::kAtMost, 1.15};

  const std::vector<kube::ObjectKey> fanned = warehouses_of({workload.fan_out});

  for (int round = 0; round <= bench.extent.rounds; ++round) {
    Acknowledged acknowledged(bench.etcd_port);
    Work push_same = [&](std::size_t) {
      return push(bench.receiver, stormed, to_stormed, acknowledged);
    };
    const OwnProjects own = co_await push_to_own_projects(bench, workload.projects.size(),
                                                          kBareConnections, acknowledged);
    add_round(distinct, round, {own.patches, own.bare});

    Samples fans;
    std::function<asio::awaitable<void>()> fan = [&]() -> asio::awaitable<void> {
      for (int i = 0; i < bench.extent.fan_outs; ++i) {
        auto answer = push(bench.receiver, workload.fan_out, fanned_out, acknowledged);
        const auto took = co_await timed(std::move(answer));
        fans.add(took);
      }
    };
    const auto targets = static_cast<double>(workload.fan_out.warehouses);
    const double fan_floor =
        co_await bare_rate_around(bench, fanned, kBareConnections, std::move(fan));
    add_round(fan_out, round, {fans.ms(0.5), targets / fan_floor * 1000});

    const auto patches_each = static_cast<double>(stormed.warehouses);
    const Load same = co_await closed_loop(kStormSenders, bench.extent.window, push_same);
    acknowledged.check();
    add_round(storm, round, {same.per_second, own.bare / patches_each});
    add_round(slowest, round, {std::chrono::duration<double>(same.slowest).count(), 1});
  }
  co_return Report{{std::move(distinct), std::move(fan_out), std::move(storm), std::move(slowest)},
                   {}};
}

asio::awaitable<Report> beside_a_fan_out(const Bench& bench) {
  const Project& monorepo = bench.workload.monorepo;
  const http::Request to_monorepo = delivery_to(monorepo, bench.secret);
  const std::vector<kube::ObjectKey> warehouses = warehouses_of({monorepo});
  Figure p99{fmt::format("push to 4 Warehouses during a fan-out to {}: p99", monorepo.warehouses),
             "ms", Bound::kAtMost, 3};
  for (int round = 0; round <= bench.extent.rounds; ++round) {
    Acknowledged acknowledged(bench.etcd_port);
    std::function<asio::awaitable<void>()> bare = [&] {
      Work patch = [&](std::size_t index) { return bench.api.refresh(warehouses[index]); };
      return share_out(warehouses.size(), kBareConnections, std::move(patch));
    };
    std::function<asio::awaitable<void>()> fan_out = [&] {
      return push(bench.receiver, monorepo, to_monorepo, acknowledged);
    };
    Samples beside_bare, beside_fan_out;
    for (int turn = 0; turn < bench.extent.monorepo_pushes; ++turn) {
      const Samples floor = co_await push_beside(bench, acknowledged, bare);
      beside_bare.add(floor);
      const Samples ours = co_await push_beside(bench, acknowledged, fan_out);
      beside_fan_out.add(ours);
    }
    acknowledged.check();
    add_round(p99, round, {beside_fan_out.ms(0.99), beside_bare.ms(0.99)});
  }
  co_return Report{{std::move(p99)}, {}};
}

asio::awaitable<Report> against_senders(const Bench& bench) {
  Report report;
  report.growth =
      "## Against the number of senders\n\n"
      "| senders | PATCHes a second | bare PATCHes a second | p50 ms | p99 ms |\n"
      "|---|---|---|---|---|\n";
  for (std::size_t senders = 1; senders <= bench.workload.projects.size(); senders *= 2) {
    Acknowledged acknowledged(bench.etcd_port);
    const std::size_t connections =
        std::min(senders * bench.workload.projects.front().warehouses, kBareConnections);
    const OwnProjects own =
        co_await push_to_own_projects(bench, senders, connections, acknowledged);
    fmt::print("  {} senders: {:.0f} PATCHes a second, bare {:.0f}\n", senders, own.patches,
               own.bare);
    std::fflush(stdout);
    report.growth += fmt::format("| {} | {:.0f} | {:.0f} | {:.1f} | {:.1f} |\n", senders,
                                 own.patches, own.bare, own.times.ms(0.5), own.times.ms(0.99));
  }
  co_return report;
}

asio::awaitable<Report> at_fixed_rates(const Bench& bench) {
  struct Percentile {
    std::string_view name;
    double share;
  };
  constexpr std::array kPercentiles{Percentile{"p50", 0.5}, Percentile{"p90", 0.9},
                                    Percentile{"p99", 0.99}};
  const std::vector<http::Request> deliveries = deliveries_to(bench);
  const std::vector<Project>& projects = bench.workload.projects;
  const std::size_t each = projects.front().warehouses;
  const double most = co_await bare_rate(bench, warehouses_of(projects), kBareConnections) /
                      static_cast<double>(each);
  Report report;
  for (const int percent : {25, 50}) {
    std::vector<Figure> figures;
    for (const Percentile& percentile : kPercentiles) {
      figures.push_back(
          {fmt::format("pushes at {} % of the bare rate: {}", percent, percentile.name), "ms",
           Bound::kAtMost, 1.25});
    }
    for (int round = 0; round <= bench.extent.rounds; ++round) {
      Acknowledged acknowledged(bench.etcd_port);
      Work patch_next = [&](std::size_t number) {
        Work patch = [&bench, &project = projects[number % projects.size()]](std::size_t index) {
          return bench.api.refresh(project.warehouse(index));
        };
        return at_once(each, std::move(patch));
      };
      Work push_next = [&](std::size_t number) {
        const std::size_t to = number % deliveries.size();
        return push(bench.receiver, projects[to], deliveries[to], acknowledged);
      };
      const double rate = most * percent / 100;
      const Samples bare = co_await fixed_rate(rate, kRateWindow, std::move(patch_next));
      const Samples pushed = co_await fixed_rate(rate, kRateWindow, std::move(push_next));
      acknowledged.check();
      for (std::size_t i = 0; i < figures.size(); ++i) {
        const double share = kPercentiles[i].share;
        add_round(figures[i], round, {pushed.ms(share), bare.ms(share)});
      }
    }
    std::ranges::move(figures, std::back_inserter(report.figures));
  }
  co_return report;
}

asio::awaitable<Report> bad_signatures(const Bench& bench) {
  const Project& project = bench.workload.projects.front();
  http::Request forged =
      signed_push(project.path(bench.secret), long_cloud_push(project.repository(), "main"),
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
  co_return Report{{std::move(figure)}, {}};
}

}  // namespace receiver::bench
