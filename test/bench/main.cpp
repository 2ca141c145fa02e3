// The load generator of `make bench`, see run.sh: measures the operator against the API server's
// own speed, in one run, on a fresh control plane.
//
//   BENCH_SECRET=… bench_load deliveries [--scenario NAME...] | growth | heavy
//
// Exit code 0: every target was met, or with --committed nothing is much worse than those results;
// 1: otherwise; 2: the run failed.

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include "log/logger.h"
#include "test/bench/changed_files.h"
#include "test/bench/measured_operator.h"
#include "test/bench/scale.h"
#include "test/bench/scenarios.h"

namespace receiver::bench {
namespace {

namespace asio = boost::asio;

struct Settings {
  std::string administrator;
  std::string account;
  unsigned short etcd_port = 0;
  test::OperatorLaunch launch;
  std::string floor_url;
  std::string table;
  std::string growth;
  std::string committed;
  std::vector<std::string> scenarios;  ///< none: all
  bool quick = false;
};

constexpr Extent kQuick{.rounds = 3,
                        .deliveries = 50,
                        .turns = 1,
                        .more_answers = 2'000,
                        .window = std::chrono::milliseconds(2'000)};
constexpr std::size_t kApiConnections = 64;
constexpr std::size_t kReceiverConnections = 256;

kube::Config load_config(const std::string& kubeconfig) {
  kube::ConfigSources sources;
  sources.kubeconfig = kubeconfig;
  sources.environment = [](std::string_view) { return std::optional<std::string>(); };
  auto config = kube::load_config(sources);
  if (!config) throw std::runtime_error(config.error());
  return std::move(*config);
}

std::unique_ptr<kube::RestClient> administrator_of(asio::io_context& io, const Settings& settings) {
  kube::RestOptions options;
  options.user_agent = "bench";
  auto client =
      kube::RestClient::create(io.get_executor(), load_config(settings.administrator), options,
                               log::Logger::to_stderr(log::Level::kWarn, log::Format::kConsole));
  if (!client) throw std::runtime_error(client.error());
  return std::move(*client);
}

crypto::SecretString secret_of_environment() {
  const char* secret = std::getenv("BENCH_SECRET");
  if (!secret) throw std::runtime_error("BENCH_SECRET, the secret of the receivers, is not set");
  return crypto::SecretString(std::string(secret));
}

/// Runs the task to its end; rethrows its error.
void run_to_end(asio::io_context& io, asio::awaitable<void> task) {
  std::exception_ptr failure;
  asio::co_spawn(io, std::move(task), [&](const std::exception_ptr& error) {
    failure = error;
    io.stop();
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
}

/// Measures, prints, and appends to the results.
class Session {
 public:
  explicit Session(const Settings& settings) : settings_(settings) {
    if (settings.committed.empty()) return;
    std::ifstream file(settings.committed);
    committed_ = ratios_of_table(file);
  }

  asio::awaitable<void> take(std::function<asio::awaitable<Report>()> scenario) {
    auto measuring = scenario();
    Report report = co_await std::move(measuring);
    if (settings_.quick && !passes(report)) {
      fmt::print("once more\n");
      auto again = scenario();
      report = co_await std::move(again);
    }
    passed_ = passes(report) && passed_;
    const std::string lines = table_lines(report.figures);
    fmt::print("\n{}{}\n", lines, report.growth);
    std::fflush(stdout);
    std::ofstream(settings_.table, std::ios::app) << lines;
    if (!report.growth.empty()) {
      std::ofstream(settings_.growth, std::ios::app) << "\n" << report.growth;
    }
  }

  [[nodiscard]] int exit_code() const { return passed_ ? 0 : 1; }

 private:
  bool passes(const Report& report) const {
    bool all = true;
    for (const Figure& figure : report.figures) {
      const std::string wrong = shortfall(figure, committed_);
      if (wrong.empty()) continue;
      fmt::print("{}\n", wrong);
      all = false;
    }
    return all;
  }

  const Settings& settings_;
  std::map<std::string, double> committed_;
  bool passed_ = true;
};

struct Scenario {
  std::string_view name;
  asio::awaitable<Report> (*measure)(const Bench&);
  bool in_quick = true;
};
constexpr Scenario kScenarios[] = {{"alone", one_delivery_alone},
                                   {"requests", requests_per_delivery},
                                   {"load", under_load},
                                   {"fairness", beside_a_fan_out, false},
                                   {"senders", against_senders, false},
                                   {"rates", at_fixed_rates, false},
                                   {"signatures", bad_signatures},
                                   {"folders", one_folder_of_many},
                                   {"tokens", nothing_to_ask},
                                   {"answers", full_of_answers}};

bool is_chosen(const Scenario& scenario, const Settings& settings) {
  if (settings.scenarios.empty()) return scenario.in_quick || !settings.quick;
  return std::ranges::count(settings.scenarios, scenario.name) > 0;
}

asio::awaitable<void> measure_deliveries(const Settings& settings, kube::RestClient& administrator,
                                         Session& session) {
  const asio::any_io_executor executor = administrator.executor();
  const Workload workload = make_workload();
  std::vector<Project> projects = workload.projects;
  projects.push_back(workload.monorepo);
  projects.push_back(workload.fan_out);
  DataCenter data_center(executor);
  for (Project& project : data_center.projects()) projects.push_back(std::move(project));
  co_await create_projects(administrator, std::move(projects), secret_of_environment());
  // On a slow machine, a push to the monorepo takes longer than Bitbucket waits.
  const test::Environment environment{{"ANSWER_DEADLINE", "20s"},
                                      {"BITBUCKET_HOSTS", data_center.host()}};
  MeasuredOperator started(executor, settings.launch, environment);
  co_await started.at_rest();

  ApiServer api(executor, load_config(settings.account), kApiConnections);
  Receiver receiver(executor, started.url(), kReceiverConnections);
  Receiver floor(executor, settings.floor_url, kReceiverConnections);
  const Bench bench{workload,
                    secret_of_environment(),
                    settings.quick ? kQuick : Extent(),
                    administrator,
                    settings.etcd_port,
                    api,
                    receiver,
                    floor,
                    data_center,
                    settings.launch,
                    environment};
  for (const Scenario& scenario : kScenarios) {
    if (!is_chosen(scenario, settings)) continue;
    std::function<asio::awaitable<Report>()> measure = [&] { return scenario.measure(bench); };
    auto taken = session.take(std::move(measure));
    co_await std::move(taken);
  }
}

asio::awaitable<void> measure_site(const Settings& settings, kube::RestClient& administrator,
                                   Session& session,
                                   asio::awaitable<Report> (*measure)(const Site&)) {
  const kube::Config account = load_config(settings.account);
  const Site site{administrator.executor(), administrator,           account,       settings.launch,
                  settings.etcd_port,       secret_of_environment(), settings.quick};
  std::function<asio::awaitable<Report>()> measured = [&] { return measure(site); };
  auto taken = session.take(std::move(measured));
  co_await std::move(taken);
}

std::vector<std::string> scenario_names() {
  std::vector<std::string> names;
  for (const Scenario& scenario : kScenarios) names.emplace_back(scenario.name);
  return names;
}

using Group = std::function<asio::awaitable<void>(const Settings&, kube::RestClient&, Session&)>;

int run(const Settings& settings, const Group& group) {
  asio::io_context io(1);
  const auto administrator = administrator_of(io, settings);
  Session session(settings);
  run_to_end(io, group(settings, *administrator, session));
  return session.exit_code();
}

int main_of_bench(int argc, char** argv) {
  Settings settings;
  Group group;
  CLI::App app("Measures the operator against the API server's own speed");
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--administrator", settings.administrator, "A kubeconfig")->required();
  app.add_option("--account", settings.account, "The operator's own kubeconfig")->required();
  app.add_option("--etcd-port", settings.etcd_port, "Of 127.0.0.1")->required();
  app.add_option("--operator", settings.launch.binary, "Its binary")->required();
  app.add_option("--operator-log", settings.launch.log, "File for its log")->required();
  app.add_option("--floor", settings.floor_url, "http://ADDRESS:PORT of bench_floor")->required();
  app.add_option("--table", settings.table, "File that results are appended to")->required();
  app.add_option("--growth", settings.growth, "The same for tables over a size")->required();
  app.add_option("--committed", settings.committed, "Results to be compared with");
  app.add_flag("--quick", settings.quick, "Fewer and shorter rounds; one more if not passed");

  CLI::App* const deliveries = app.add_subcommand("deliveries", "Latency, throughput, requests");
  deliveries->add_option("--scenario", settings.scenarios, "Only these")
      ->check(CLI::IsMember(scenario_names()));
  deliveries->callback([&] { group = measure_deliveries; });
  app.add_subcommand("growth", "Up to 100,000 Warehouses")->callback([&] {
    group = [](const Settings& chosen, auto& administrator, Session& session) {
      return measure_site(chosen, administrator, session, growth);
    };
  });
  app.add_subcommand("heavy", "20,000 large Warehouses")->callback([&] {
    group = [](const Settings& chosen, auto& administrator, Session& session) {
      return measure_site(chosen, administrator, session, heavy);
    };
  });

  CLI11_PARSE(app, argc, argv);
  settings.launch.kubeconfig = settings.account;
  try {
    return run(settings, group);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench: {}\n", error.what());
    return 2;
  }
}

}  // namespace
}  // namespace receiver::bench

int main(int argc, char** argv) {
  return receiver::bench::main_of_bench(argc, argv);
}
