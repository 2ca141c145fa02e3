// The load generator: measures the operator against the API server's own speed, in one run.
//
//   BENCH_SECRET=… bench_load --kubeconfig FILE --receiver URL --namespace NS --repository WS/SLUG
//   --warehouse NAME…
//
// Exit code 0: every target met; 1: one missed; 2: the run failed.

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "clock/clock.h"
#include "test/bench/payload.h"
#include "test/bench/peers.h"
#include "test/bench/samples.h"

namespace receiver::bench {
namespace {

namespace asio = boost::asio;
using clock::Steady;

struct Settings {
  std::string kubeconfig;
  std::string receiver;
  std::string ns;
  std::string repository;
  std::vector<std::string> warehouses;
  int rounds = 5;
  int deliveries = 100;
};

/// Runs all at once; ends when the last has, with the first error.
asio::awaitable<void> in_parallel(std::vector<asio::awaitable<void>> tasks) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::size_t left = tasks.size();
  std::exception_ptr failure;
  asio::steady_timer all_done(executor, Steady::time_point::max());
  for (auto& task : tasks) {
    asio::co_spawn(executor, std::move(task), [&](const std::exception_ptr& error) {
      if (error && !failure) failure = error;
      if (--left == 0) all_done.cancel();
    });
  }
  while (left > 0) {
    boost::system::error_code woken;
    co_await all_done.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  if (failure) std::rethrow_exception(failure);
}

asio::awaitable<void> bare_patches(ApiServer& api, const Settings& settings) {
  std::vector<asio::awaitable<void>> patches;
  for (const auto& name : settings.warehouses) patches.push_back(api.refresh({settings.ns, name}));
  co_await in_parallel(std::move(patches));
}

asio::awaitable<std::chrono::nanoseconds> timed(asio::awaitable<void> work) {
  const auto begin = Steady::now();
  co_await std::move(work);
  co_return Steady::now() - begin;
}

/// One delivery alone against the same PATCHes sent in parallel. Both take turns, one by one: what
/// else the machine does meets both alike.
asio::awaitable<Ratio> one_delivery(ApiServer& api, Receiver& receiver, const Settings& settings,
                                    const Delivery& delivery) {
  const std::string expected =
      fmt::format("\"refreshed {} warehouse(s)\"", settings.warehouses.size());
  Ratio ratio{fmt::format("one delivery alone, {} Warehouses: p50 / p50 of as many bare PATCHes in "
                          "parallel",
                          settings.warehouses.size()),
              {},
              1.25};
  std::puts("one delivery alone     bare p50    bare p99   delivery p50   delivery p99   ratio");
  for (int round = 0; round <= settings.rounds; ++round) {
    Samples bare, delivered;
    for (int i = 0; i < settings.deliveries; ++i) {
      auto patches = bare_patches(api, settings);
      const auto patches_took = co_await timed(std::move(patches));
      bare.add(patches_took);
      auto answer = receiver.deliver(delivery, expected);
      const auto answer_took = co_await timed(std::move(answer));
      delivered.add(answer_took);
    }
    if (round == 0) continue;  // connections, caches and clock rates settle
    const auto ms = [](const Samples& samples, double share) {
      return std::chrono::duration<double, std::milli>(samples.percentile(share)).count();
    };
    ratio.rounds.push_back(ms(delivered, 0.5) / ms(bare, 0.5));
    fmt::print("  round {:<3} {:>18.2f} ms {:>8.2f} ms {:>11.2f} ms {:>11.2f} ms {:>7.2f}\n", round,
               ms(bare, 0.5), ms(bare, 0.99), ms(delivered, 0.5), ms(delivered, 0.99),
               ratio.rounds.back());
  }
  co_return ratio;
}

asio::awaitable<std::vector<Ratio>> measure(const Settings& settings, const kube::Config& config,
                                            crypto::SecretString secret) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  constexpr std::size_t kConnections = 64;
  ApiServer api(executor, config, kConnections);
  Receiver receiver(executor, settings.receiver, kConnections);
  const Delivery delivery =
      receiver.sign("repo:push", cloud_push(settings.repository, "main"), secret);
  fmt::print("payload {} bytes, {} rounds of {}\n", delivery.body.size(), settings.rounds,
             settings.deliveries);

  std::vector<Ratio> ratios;
  Ratio alone = co_await one_delivery(api, receiver, settings, delivery);
  ratios.push_back(std::move(alone));
  co_return ratios;
}

kube::Config load_config(const std::string& kubeconfig) {
  kube::ConfigSources sources;
  sources.kubeconfig = kubeconfig;
  sources.environment = [](std::string_view) { return std::optional<std::string>(); };
  auto config = kube::load_config(sources);
  if (!config) throw std::runtime_error(config.error());
  return std::move(*config);
}

int run(const Settings& settings) {
  const char* secret = std::getenv("BENCH_SECRET");
  if (!secret) throw std::runtime_error("BENCH_SECRET, the receiver's secret, is not set");
  const kube::Config config = load_config(settings.kubeconfig);

  asio::io_context io(1);
  std::vector<Ratio> ratios;
  asio::co_spawn(io, measure(settings, config, crypto::SecretString(std::string(secret))),
                 [&](const std::exception_ptr& error, std::vector<Ratio> measured) {
                   if (error) std::rethrow_exception(error);
                   ratios = std::move(measured);
                   io.stop();
                 });
  io.run();

  fmt::print("\n{}", table(ratios));
  bool met = true;
  for (const Ratio& ratio : ratios) met = met && ratio.met();
  return met ? 0 : 1;
}

}  // namespace
}  // namespace receiver::bench

int main(int argc, char** argv) {
  receiver::bench::Settings settings;
  CLI::App app("Measures the operator against the API server's own speed");
  app.add_option("--kubeconfig", settings.kubeconfig, "The operator's own account")->required();
  app.add_option("--receiver", settings.receiver, "URL of the receiver")->required();
  app.add_option("--namespace", settings.ns, "Of the Warehouses")->required();
  app.add_option("--repository", settings.repository, "That the Warehouses subscribe to, WS/SLUG")
      ->required();
  app.add_option("--warehouse", settings.warehouses, "All that a push refreshes")->required();
  app.add_option("--rounds", settings.rounds, "Measured rounds")->check(CLI::Range(1, 1000));
  app.add_option("--deliveries", settings.deliveries, "Of each round")
      ->check(CLI::Range(1, 100000));
  CLI11_PARSE(app, argc, argv);
  try {
    return receiver::bench::run(settings);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench: {}\n", error.what());
    return 2;
  }
}
