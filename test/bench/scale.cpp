#include "test/bench/scale.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "clock/clock.h"
#include "test/bench/acknowledged.h"
#include "test/bench/at_once.h"
#include "test/bench/peers.h"
#include "test/bench/workload.h"
#include "test/support/cpu_time.h"
#include "test/support/median.h"

namespace receiver::bench {

namespace asio = boost::asio;
using Bound = Figure::Bound;
using clock::Steady;
using std::chrono::nanoseconds;

namespace {

constexpr std::size_t kConnections = 16;
constexpr int kStarts = 3;
/// More starts, because the API server's garbage collections make these differ more.
constexpr int kHeavyStarts = 5;
/// MAX_CONCURRENT_PROJECT_CONFIG_RECONCILES, as shipped.
constexpr std::size_t kStatusWriters = 4;
constexpr std::size_t kNewConfigs = 1'000;
/// Number of projects that get deliveries in turn.
constexpr std::size_t kDelivering = 10;
constexpr int kWarmUp = 50;
/// Deliveries whose CPU time is measured, in blocks that alternate with as many bare PATCHes.
constexpr int kCostedBlocks = 10;
constexpr int kCostedDeliveries = 40;
constexpr int kTimedDeliveries = 100;

/// One start of the operator.
struct Start {
  double ready_s = 0;
  double bare_read_s = 0;
  double resident_mb = 0;
  double peak_mb = 0;
  double cpu_us = 0;       ///< of one delivery
  double bare_cpu_us = 0;  ///< of the generator, for as many parallel PATCHes
  double p50_ms = 0;
  double p99_ms = 0;
  double bare_p50_ms = 0;  ///< of as many parallel PATCHes

  [[nodiscard]] double relative_cost() const { return cpu_us / bare_cpu_us; }
};

/// How the operator is to read Secrets.
struct SecretAccess {
  test::Environment settings;
  std::size_t watches;
};

/// What was measured at one size of the cluster.
struct Size {
  std::size_t warehouses = 0;
  std::vector<Start> starts{};

  [[nodiscard]] double median_of(double Start::*member) const {
    std::vector<double> values;
    for (const Start& start : starts) values.push_back(start.*member);
    return test::median(std::move(values));
  }
};

const SecretAccess kClusterWide{{{"SECRET_ACCESS", "cluster"}}, 1};

double seconds(nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

void say(const std::string& line) {
  fmt::print("  {}\n", line);
  std::fflush(stdout);
}

std::vector<Project> projects_of(std::size_t from, std::size_t to, const Project& like) {
  std::vector<Project> projects;
  for (std::size_t index = from; index < to; ++index) {
    Project project = like;
    project.name = fmt::format("project-{}", index);
    projects.push_back(std::move(project));
  }
  return projects;
}

/// Reads the lists that an operator starts with, and drops them.
asio::awaitable<double> bare_read_s(const Site& site) {
  ApiServer api(site.executor, site.account, kConnections);
  const kube::Resource* const kinds[] = {&kProjectConfigs, &kClusterConfigs, &kWarehouses,
                                         &kPromotions, &kSecrets};
  Work read = [&](std::size_t kind) -> asio::awaitable<void> {
    const bool labelled = kinds[kind] == &kSecrets;
    auto reading =
        api.read_list(kinds[kind]->path(),
                      labelled ? "&labelSelector=kargo.akuity.io%2Fcred-type%3Dgeneric" : "");
    (void)co_await std::move(reading);
  };
  auto all = at_once(std::size(kinds), std::move(read));
  const nanoseconds took = co_await timed(std::move(all));
  co_return seconds(took);
}

asio::awaitable<void> measure_deliveries(const Site& site, const MeasuredOperator& started,
                                         std::vector<Project> projects, Start& start) {
  ApiServer api(site.executor, site.account, kConnections);
  Receiver receiver(site.executor, started.url(), kConnections);
  Acknowledged acknowledged(site.etcd_port);
  std::vector<http::Request> deliveries;
  projects.resize(std::min(projects.size(), kDelivering));
  for (const Project& project : projects) deliveries.push_back(delivery_to(project, site.secret));
  const auto deliver = [&](int number) {
    const std::size_t to = static_cast<std::size_t>(number) % projects.size();
    return push(receiver, projects[to], deliveries[to], acknowledged);
  };
  for (int i = 0; i < kWarmUp; ++i) {
    auto answer = deliver(i);
    co_await std::move(answer);
  }

  const auto patch_bare = [&](int number) {
    const Project& project = projects[static_cast<std::size_t>(number) % projects.size()];
    Work patch = [&api, &project](std::size_t index) {
      return api.refresh(project.warehouse(index));
    };
    return at_once(project.warehouses, std::move(patch));
  };

  nanoseconds spent{0}, spent_bare{0};
  for (int block = 0; block < kCostedBlocks; ++block) {
    const nanoseconds before = started.cpu_time();
    for (int i = 0; i < kCostedDeliveries; ++i) {
      auto answer = deliver(i);
      co_await std::move(answer);
    }
    spent += started.cpu_time() - before;
    const nanoseconds bare_before = test::cpu_time(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < kCostedDeliveries; ++i) {
      auto patches = patch_bare(i);
      co_await std::move(patches);
    }
    spent_bare += test::cpu_time(CLOCK_PROCESS_CPUTIME_ID) - bare_before;
  }
  start.cpu_us = seconds(spent) * 1e6 / (kCostedBlocks * kCostedDeliveries);
  start.bare_cpu_us = seconds(spent_bare) * 1e6 / (kCostedBlocks * kCostedDeliveries);

  Samples bare, delivered;
  for (int i = 0; i < kTimedDeliveries; ++i) {
    auto patches = patch_bare(i);
    const nanoseconds patches_took = co_await timed(std::move(patches));
    bare.add(patches_took);
    auto answer = deliver(i);
    const nanoseconds answer_took = co_await timed(std::move(answer));
    delivered.add(answer_took);
  }
  acknowledged.check();
  start.p50_ms = delivered.ms(0.5);
  start.p99_ms = delivered.ms(0.99);
  start.bare_p50_ms = bare.ms(0.5);
}

asio::awaitable<Start> measure_start(const Site& site, SecretAccess access,
                                     std::vector<Project> projects) {
  Start start;
  const double bare_before_s = co_await bare_read_s(site);
  const auto begin = Steady::now();
  MeasuredOperator started(site.executor, site.launch, access.settings);
  co_await started.ready();
  start.ready_s = seconds(Steady::now() - begin);
  co_await started.at_rest();
  const double watches = co_await started.metric("bitbucket_receiver_secret_watches");
  if (watches != static_cast<double>(access.watches)) {
    throw std::runtime_error(fmt::format("{} watches of Secrets, not {}", watches, access.watches));
  }
  const MeasuredOperator::Memory memory = started.memory();
  start.resident_mb = memory.resident_mb;
  start.peak_mb = memory.peak_mb;
  start.bare_read_s = (bare_before_s + co_await bare_read_s(site)) / 2;
  if (!site.quick) co_await measure_deliveries(site, started, std::move(projects), start);
  co_return start;
}

asio::awaitable<Size> measure_size(const Site& site, SecretAccess access,
                                   std::vector<Project> projects, int rounds = kStarts) {
  Size size;
  for (const Project& project : projects) size.warehouses += project.warehouses + project.others;
  for (int round = 0; round <= rounds; ++round) {
    const Start start = co_await measure_start(site, access, projects);
    std::string line = fmt::format(
        "{:<9} {:>7} Warehouses: ready in {:.2f} s (bare read {:.2f} s), resident {:.1f} MB, peak "
        "{:.1f} MB",
        round == 0 ? "settling" : fmt::format("round {}", round), size.warehouses, start.ready_s,
        start.bare_read_s, start.resident_mb, start.peak_mb);
    if (!site.quick) {
      line += fmt::format(
          ", {:.0f} us of CPU a delivery (generator's for bare PATCHes {:.0f}), p50 {:.2f} ms "
          "(bare "
          "{:.2f} ms)",
          start.cpu_us, start.bare_cpu_us, start.p50_ms, start.bare_p50_ms);
    }
    say(line);
    if (round > 0) size.starts.push_back(start);
  }
  co_return size;
}

Figure at_most(std::string what, std::string unit, const Size& size, double Start::*ours,
               double limit) {
  Figure figure{std::move(what), std::move(unit), Bound::kAtMost, 1};
  figure.over_limit = true;
  for (const Start& start : size.starts) figure.rounds.push_back({start.*ours, limit});
  return figure;
}

Figure compared(std::string what, std::string unit, double target, const Size& size,
                double Start::*ours, double Start::*floor) {
  Figure figure{std::move(what), std::move(unit), Bound::kAtMost, target};
  for (const Start& start : size.starts) figure.rounds.push_back({start.*ours, start.*floor});
  return figure;
}

/// The cost of a delivery at one size divided by that at another.
Figure cost_of_size(const std::string& what, const std::string& unit, const Size& size,
                    const Size& base, const std::function<double(const Start&)>& cost) {
  Figure figure{
      fmt::format("{}: at {} Warehouses, over {}", what, size.warehouses, base.warehouses), unit,
      Bound::kAtMost, 1.1};
  for (std::size_t round = 0; round < std::min(size.starts.size(), base.starts.size()); ++round) {
    figure.rounds.push_back({cost(size.starts[round]), cost(base.starts[round])});
  }
  return figure;
}

std::string table_of(const std::vector<Size>& sizes) {
  std::string text =
      "| Warehouses | resident MB | peak MB | ready s | bare read s | CPU µs a delivery | of bare "
      "PATCHes | p50 ms | p99 ms | bare p50 ms |\n|---|---|---|---|---|---|---|---|---|---|\n";
  for (const Size& size : sizes) {
    text += fmt::format(
        "| {} | {:.1f} | {:.1f} | {:.2f} | {:.2f} | {:.0f} | {:.0f} | {:.2f} | {:.2f} | {:.2f} |\n",
        size.warehouses, size.median_of(&Start::resident_mb), size.median_of(&Start::peak_mb),
        size.median_of(&Start::ready_s), size.median_of(&Start::bare_read_s),
        size.median_of(&Start::cpu_us), size.median_of(&Start::bare_cpu_us),
        size.median_of(&Start::p50_ms), size.median_of(&Start::p99_ms),
        size.median_of(&Start::bare_p50_ms));
  }
  return text;
}

// Statuses ------------------------------------------------------------------------------------

/// As many status PATCHes as there are projects, equal to the operator's.
asio::awaitable<double> bare_statuses_s(const Site& site, std::vector<Project> projects,
                                        int round) {
  ApiServer api(site.executor, site.account, kStatusWriters);
  Work write = [&](std::size_t index) {
    const Project& project = projects[index];
    const std::string path = project.path(site.secret);
    return api.write_status(
        {project.name, project.name},
        fmt::format(R"({{"status":{{"webhookReceivers":[{{"name":"load","path":"{0}","url":)"
                    R"("http://127.0.0.1{0}"}}],"conditions":[{{"type":"Ready","status":"True",)"
                    R"("reason":"Synced","message":"ProjectConfig is synced and ready for use",)"
                    R"("lastTransitionTime":"2026-01-02T03:04:05Z","observedGeneration":1}}],)"
                    R"("observedGeneration":1,"lastHandledRefresh":"bare {1}"}}}})",
                    path, round));
  };
  auto all = share_out(projects.size(), kStatusWriters, std::move(write));
  const nanoseconds took = co_await timed(std::move(all));
  co_return seconds(took);
}

asio::awaitable<void> check_published(const Site& site, std::vector<Project> projects) {
  for (const Project& project : projects) {
    std::string target = kProjectConfigs.path({project.name, project.name});
    const auto answer = co_await site.administrator.get(std::move(target));
    if (!answer || answer->find(project.path(site.secret)) == std::string::npos) {
      throw std::runtime_error("counted as written, but not published: " + project.name);
    }
  }
}

/// The time from when the operator can see the new ProjectConfigs: it is frozen while they are
/// created, which takes the API server as long as the statuses.
asio::awaitable<double> publishing_s(const Site& site, std::vector<Project> projects) {
  test::Environment settings = kClusterWide.settings;
  settings["LEADER_ELECT"] = "false";  // frozen, it could not renew its Lease
  MeasuredOperator started(site.executor, site.launch, settings);
  co_await started.at_rest();
  const std::string writes = R"(bitbucket_receiver_status_writes_total{result="ok"})";
  const std::string conflicts = R"(bitbucket_receiver_status_writes_total{result="conflict"})";
  const std::string errors = R"(bitbucket_receiver_status_writes_total{result="error"})";
  const double before = co_await started.metric(writes);
  const double failed_before = co_await started.metric(conflicts) + co_await started.metric(errors);
  started.freeze();
  co_await renew_configs(site.administrator, projects);
  started.thaw();
  const auto begin = Steady::now();
  for (;;) {
    const double now = co_await started.metric(writes);
    if (now - before >= static_cast<double>(projects.size())) break;
    co_await pause_for(std::chrono::milliseconds(10));
  }
  const double took = seconds(Steady::now() - begin);
  co_await started.at_rest();
  const double written = co_await started.metric(writes) - before;
  if (written != static_cast<double>(projects.size())) {
    throw std::runtime_error(fmt::format("{} writes of {} statuses", written, projects.size()));
  }
  const double failed = co_await started.metric(conflicts) + co_await started.metric(errors);
  if (failed != failed_before) {
    throw std::runtime_error(fmt::format("{} writes of statuses failed", failed - failed_before));
  }
  co_await check_published(site, std::move(projects));
  co_return took;
}

asio::awaitable<Figure> measure_statuses(const Site& site, std::vector<Project> projects) {
  Figure figure{"status of 1,000 new ProjectConfigs: time", "s", Bound::kAtMost, 1.3};
  projects.resize(std::min(projects.size(), kNewConfigs));
  for (int round = 1; round <= kStarts; ++round) {
    const double bare = co_await bare_statuses_s(site, projects, round);
    const double ours = co_await publishing_s(site, projects);
    say(fmt::format("round {}   {} statuses: {:.2f} s (bare {:.2f} s)", round, projects.size(),
                    ours, bare));
    figure.rounds.push_back({ours, bare});
  }
  co_return figure;
}

/// Checks that the created objects are as large as the results say.
asio::awaitable<void> check_weight(const Site& site) {
  constexpr double kBytes = 218e6;
  ApiServer api(site.executor, site.account, 1);
  auto reading = api.read_list(kWarehouses.path());
  const auto bytes = static_cast<double>(co_await std::move(reading));
  if (std::abs(bytes - kBytes) > kBytes / 20) {
    throw std::runtime_error(fmt::format("the Warehouses have {:.0f} MB", bytes / 1e6));
  }
}

}  // namespace

asio::awaitable<Report> growth(const Site& site) {
  const Project like{.name = {}, .warehouses = 4, .others = 6};
  const std::vector<std::size_t> all_steps = {10, 100, 1'000, 10'000};
  const std::vector<std::size_t> steps = site.quick ? std::vector<std::size_t>{1'000} : all_steps;
  co_await grant_all_secrets(site.administrator);
  Report report;
  std::vector<Size> sizes;
  std::size_t seeded = 0;
  for (const std::size_t step : steps) {
    auto more = create_projects(site.administrator, projects_of(seeded, step, like), site.secret);
    const nanoseconds took = co_await timed(std::move(more));
    seeded = step;
    say(fmt::format("{} projects: seeded in {:.0f} s", step, seconds(took)));
    const std::vector<Project> projects = projects_of(0, step, like);
    const Size size = co_await measure_size(site, kClusterWide, projects);
    sizes.push_back(size);
    if (step == 1'000) {
      const std::string what = "1,000 ProjectConfigs, 10,000 Warehouses";
      report.figures.push_back(
          at_most(what + ", SECRET_ACCESS=cluster: resident", "MB", size, &Start::resident_mb, 25));
      if (site.quick) break;
      const SecretAccess namespaced_access{{}, step};
      const Size namespaced = co_await measure_size(site, namespaced_access, projects);
      report.figures.push_back(at_most(what + ", SECRET_ACCESS=namespaced: resident", "MB",
                                       namespaced, &Start::resident_mb, 80));
      Figure statuses = co_await measure_statuses(site, projects);
      report.figures.push_back(std::move(statuses));
    }
  }
  if (site.quick) co_return report;
  const std::string what = "10,000 ProjectConfigs, 100,000 Warehouses";
  const Size& largest = sizes.back();
  report.figures.push_back(at_most(what + ": resident", "MB", largest, &Start::resident_mb, 120));
  report.figures.push_back(at_most(what + ": peak", "MB", largest, &Start::peak_mb, 160));
  const std::string cost = "CPU time of one delivery";
  report.figures.push_back(cost_of_size(cost, "us", largest, sizes.front(),
                                        [](const Start& start) { return start.cpu_us; }));
  // The sizes were measured minutes apart, and the machine and its caches change speed meanwhile.
  report.figures.push_back(cost_of_size(cost + ", in that of bare PATCHes", "", largest,
                                        sizes.front(),
                                        [](const Start& start) { return start.relative_cost(); }));
  report.growth = "## Against the number of Warehouses\n\n" + table_of(sizes);
  co_return report;
}

asio::awaitable<Report> heavy(const Site& site) {
  constexpr std::size_t kProjects = 2'000;
  Project like{.name = {}, .warehouses = 4, .others = 6, .commits = 20, .promotions = 2};
  std::vector<Project> projects = projects_of(0, kProjects, like);
  for (std::size_t index = 0; index < kProjects / 2; ++index) ++projects[index].promotions;
  co_await grant_all_secrets(site.administrator);
  auto seeding = create_projects(site.administrator, projects, site.secret);
  const nanoseconds took = co_await timed(std::move(seeding));
  say(fmt::format("{} projects: seeded in {:.0f} s", kProjects, seconds(took)));
  co_await check_weight(site);
  const Size size = co_await measure_size(site, kClusterWide, projects, kHeavyStarts);
  const std::string what = "20,000 Warehouses of 11 KB, 5,000 finished Promotions";
  co_return Report{{at_most(what + ": resident", "MB", size, &Start::resident_mb, 40),
                    at_most(what + ": peak", "MB", size, &Start::peak_mb, 60),
                    compared(what + ": time to ready over a bare read of the lists", "s", 1.2, size,
                             &Start::ready_s, &Start::bare_read_s)},
                   {}};
}

}  // namespace receiver::bench
