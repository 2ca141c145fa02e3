// The load generator of `make bench`, see run.sh: measures the operator against the API server's
// own speed, in one run.
//
//   BENCH_SECRET=… bench_load seed --administrator KUBECONFIG
//   BENCH_SECRET=… bench_load measure --administrator KUBECONFIG --account KUBECONFIG
//                             --operator URL --floor URL [--quick] [--committed FILE] --table FILE
//                             [--scenario NAME...]
//
// Exit code 0: every target met; 1: one missed; 2: the run failed.

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include "log/logger.h"
#include "test/bench/scenarios.h"

namespace receiver::bench {
namespace {

namespace asio = boost::asio;

struct Settings {
  std::string administrator;
  std::string account;
  std::string operator_url;
  std::string floor_url;
  std::string table;
  std::string committed;
  std::vector<std::string> scenarios;  ///< none: all
  bool quick = false;
};

constexpr Extent kQuick{
    .rounds = 3, .deliveries = 50, .fan_outs = 3, .window = std::chrono::milliseconds(2'000)};
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

/// Runs it to its end; its error is thrown here.
void run_to_end(asio::io_context& io, asio::awaitable<void> task) {
  std::exception_ptr failure;
  asio::co_spawn(io, std::move(task), [&](const std::exception_ptr& error) {
    failure = error;
    io.stop();
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
}

int run_seed(const Settings& settings) {
  asio::io_context io(1);
  const auto administrator = administrator_of(io, settings);
  run_to_end(io, seed(*administrator, make_world(), secret_of_environment()));
  return 0;
}

struct Scenario {
  std::string_view name;
  asio::awaitable<std::vector<Figure>> (*measure)(const Bench&);
};
constexpr Scenario kScenarios[] = {{"alone", one_delivery_alone},
                                   {"requests", requests_per_delivery},
                                   {"load", under_load},
                                   {"signatures", bad_signatures}};

asio::awaitable<void> measure(const Bench& bench, const Settings& settings,
                              std::vector<Figure>& figures) {
  for (const Scenario& scenario : kScenarios) {
    if (!settings.scenarios.empty() && std::ranges::count(settings.scenarios, scenario.name) == 0) {
      continue;
    }
    const std::vector<Figure> measured = co_await scenario.measure(bench);
    figures.insert(figures.end(), measured.begin(), measured.end());
  }
}

std::vector<std::string> scenario_names() {
  std::vector<std::string> names;
  for (const Scenario& scenario : kScenarios) names.emplace_back(scenario.name);
  return names;
}

/// With committed results: not much worse than these. Otherwise: every target met.
bool passes(const std::vector<Figure>& figures, const std::string& committed) {
  std::ifstream file;
  if (!committed.empty()) file.open(committed);
  const auto ratios = ratios_of_table(file);
  bool passed = true;
  for (const Figure& figure : figures) {
    const auto known = ratios.find(figure.what);
    const bool good =
        known == ratios.end() ? figure.is_met() : is_as_committed(figure, known->second);
    if (!good && known != ratios.end()) {
      fmt::print(
          "worse than the committed results by more than 40 %: {}: {:.2f}, committed {:.2f}\n",
          figure.what, figure.best(), known->second);
    } else if (!good) {
      fmt::print("target missed: {}\n", figure.what);
    }
    passed = passed && good;
  }
  return passed;
}

int run_measure(const Settings& settings) {
  asio::io_context io(1);
  const auto administrator = administrator_of(io, settings);
  ApiServer api(io.get_executor(), load_config(settings.account), kApiConnections);
  Receiver receiver(io.get_executor(), settings.operator_url, kReceiverConnections);
  Receiver floor(io.get_executor(), settings.floor_url, kReceiverConnections);
  const Bench bench{make_world(),
                    secret_of_environment(),
                    settings.quick ? kQuick : Extent(),
                    *administrator,
                    api,
                    receiver,
                    floor};
  std::vector<Figure> figures;
  run_to_end(io, measure(bench, settings, figures));

  const std::string text = table(figures);
  fmt::print("\n{}\n", text);
  std::ofstream(settings.table) << text;
  return passes(figures, settings.committed) ? 0 : 1;
}

}  // namespace
}  // namespace receiver::bench

int main(int argc, char** argv) {
  using namespace receiver::bench;
  Settings settings;
  std::function<int(const Settings&)> chosen;
  CLI::App app("Measures the operator against the API server's own speed");
  app.require_subcommand(1);

  CLI::App* const seed = app.add_subcommand("seed", "Creates what is measured with");
  seed->add_option("--administrator", settings.administrator, "A kubeconfig")->required();
  seed->callback([&] { chosen = run_seed; });

  CLI::App* const measure = app.add_subcommand("measure", "Measures and prints");
  measure->add_option("--administrator", settings.administrator, "A kubeconfig")->required();
  measure->add_option("--account", settings.account, "The operator's own kubeconfig")->required();
  measure->add_option("--operator", settings.operator_url, "http://ADDRESS:PORT")->required();
  measure->add_option("--floor", settings.floor_url, "The same of bench_floor")->required();
  measure->add_option("--table", settings.table, "File for the results")->required();
  measure->add_option("--committed", settings.committed, "Results to be compared with");
  measure->add_option("--scenario", settings.scenarios, "Only these")
      ->check(CLI::IsMember(scenario_names()));
  measure->add_flag("--quick", settings.quick, "Fewer and shorter rounds");
  measure->callback([&] { chosen = run_measure; });

  CLI11_PARSE(app, argc, argv);
  try {
    return chosen(settings);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench: {}\n", error.what());
    return 2;
  }
}
