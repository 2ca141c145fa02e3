#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/integration/register_stage.h"
#include "test/integration/registration_stage.h"
#include "test/support/temporary_file.h"

namespace receiver::test {

using namespace std::chrono_literals;

// CONTRIBUTING.md says how to run it by hand with more repositories, kills and delay.

namespace {

unsigned setting(const char* name, unsigned otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : static_cast<unsigned>(std::stoul(value));
}

/// Prints figures for measurements.
void tell(const std::string& figures) {
  if (std::getenv("REGISTER_REPOSITORIES") != nullptr) WARN(figures);
}

/// Some repositories of a slow Bitbucket.
class Many {
 public:
  explicit Many(Source product) : stage(product) {
    for (unsigned i = 0; i < count; ++i) names_.push_back(stage.subscribe(fmt::format("r{}", i)));
    stage.bitbucket.set_delay(delay);
  }

  [[nodiscard]] std::vector<std::string> command(const std::string& verb) const {
    const bool of_cloud = stage.bitbucket.product() == Source::kCloud;
    return {RECEIVERCTL_BINARY,
            verb,
            "--kubeconfig",
            stage.cluster.directory() + "/kubeconfig.admin",
            "--receiver",
            "bb",
            "--project",
            stage.project.name(),
            "--all-subscribed",
            of_cloud ? "--cloud-url" : "--bitbucket-url",
            stage.bitbucket.url(),
            "--ca-file",
            stage.bitbucket.ca_file()};
  }
  /// How many repositories have that many webhooks.
  [[nodiscard]] std::size_t with(std::size_t webhooks) const {
    return static_cast<std::size_t>(std::ranges::count_if(names_, [&](const std::string& name) {
      return stage.bitbucket.webhooks(name).size() == webhooks;
    }));
  }
  [[nodiscard]] Environment environment() const {
    Environment variables = current_environment();
    variables["BITBUCKET_TOKEN"] = kApiToken;
    return variables;
  }
  /// A run that is killed after this many requests to Bitbucket, unless it ends before.
  [[nodiscard]] Finished killed(std::size_t requests) const {
    const TemporaryFile output("");
    const std::size_t last = stage.bitbucket.requests().size() + requests;
    Process process(command("register"), environment(), output.path());
    std::optional<int> code;
    while (!code && stage.bitbucket.requests().size() < last) code = process.wait(2ms);
    if (!code) {
      process.signal(SIGKILL);
      code = process.wait(60s);
    }
    return {code.value_or(-1), read_file(output.path())};
  }

  const unsigned count = setting("REGISTER_REPOSITORIES", 14);
  const std::chrono::milliseconds delay{setting("REGISTER_DELAY_MS", 40)};
  RegisterStage stage;

 private:
  std::vector<std::string> names_;
};

}  // namespace

TEST_CASE("register takes four repositories at a time, and tells how far it is",
          "[register][many]") {
  Many many(Source::kDataCenter);
  const std::size_t before = many.stage.bitbucket.requests().size();
  const auto begun = std::chrono::steady_clock::now();
  const Finished finished = run(many.command("register"), {{"BITBUCKET_TOKEN", kApiToken}});
  const auto took = std::chrono::steady_clock::now() - begun;
  const auto asked = many.stage.bitbucket.requests().size() - before;
  tell(fmt::format("{} requests of {} ms in {:.1f} s", asked, many.delay.count(),
                   std::chrono::duration<double>(took).count()));
  CHECK(finished.exit_code == 0);
  CHECK(many.with(1) == many.count);
  CHECK(asked == 2 * many.count + 1);  // inherited webhooks are read once
  CHECK_THAT(finished.output,
             Catch::StartsWith(fmt::format("1/{0} SHOP/r0: created\n", many.count)) &&
                 Catch::Contains(fmt::format("\n{0}/{0} SHOP/r", many.count)));
  // Four at a time, plus a quarter for everything else.
  const auto budget = static_cast<std::int64_t>(asked) * many.delay / 4 * 5 / 4;
  CHECK(took < std::max<std::chrono::milliseconds>(10s, budget));
}

TEST_CASE("register that is killed at any moment leaves the rest to the next run",
          "[register][many]") {
  const Source product = GENERATE(Source::kCloud, Source::kDataCenter);
  Many many(product);
  std::mt19937 random{Catch::rngSeed()};
  unsigned kills = 0;
  for (unsigned i = 0, runs = setting("REGISTER_KILLS", 3); i < runs; ++i) {
    // All of them again, from time to time.
    if (many.with(1) == many.count) {
      for (unsigned r = 0; r < many.count; ++r) {
        many.stage.bitbucket.add_repository(fmt::format(
            "{}/r{}", product == Source::kCloud ? many.stage.project.name() : "SHOP", r));
      }
    }
    // Two for each; the last one is answered before the end.
    const Finished finished =
        many.killed(std::uniform_int_distribution<std::size_t>(1, many.count * 2)(random));
    INFO(finished.output);
    CHECK((finished.exit_code == 128 + SIGKILL || finished.exit_code == 0));
    kills += finished.exit_code == 0 ? 0 : 1;
    CHECK(many.with(0) + many.with(1) == many.count);
  }
  CHECK(kills > 0);  // the first run must read all of them
  const std::size_t had = many.with(1);
  const Finished last = run(many.command("register"), {{"BITBUCKET_TOKEN", kApiToken}});
  CHECK(last.exit_code == 0);
  CHECK(many.with(1) == many.count);
  tell(fmt::format("killed {} times; the last run found {} of {}", kills, had, many.count));
}

TEST_CASE("register that is interrupted tells at once what it has done, and dies of the signal",
          "[register][many]") {
  const int signal = GENERATE(SIGINT, SIGTERM);
  Many many(Source::kDataCenter);
  many.stage.bitbucket.set_delay(100ms);
  const TemporaryFile output("");
  Process process(many.command("register"), many.environment(), output.path());
  eventually("some are done", [&] { return many.with(1) >= 3; });
  // From now on Bitbucket does not answer.
  many.stage.bitbucket.set_delay(60s);
  const std::size_t asked = many.stage.bitbucket.requests().size();
  eventually("answers are waited for",
             [&] { return many.stage.bitbucket.requests().size() >= asked + 3; });
  const auto begun = std::chrono::steady_clock::now();
  process.signal(signal);
  CHECK(process.wait(10s) == 128 + signal);
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
  const std::string told = read_file(output.path());
  INFO(told);
  CHECK(many.with(1) < many.count);
  CHECK_THAT(told, Catch::Contains("Interrupted: ") &&
                       Catch::Contains("Run it again to continue.") &&
                       Catch::Contains("not tried   interrupted") && Catch::Contains("created") &&
                       !Catch::Contains("failed"));
}

TEST_CASE("an empty Bitbucket is registered at two requests a second", "[registrar][many]") {
  RegistrationStage stage(GENERATE(Source::kCloud, Source::kDataCenter));
  const unsigned count = setting("REGISTER_REPOSITORIES", 14);
  std::vector<std::string> names;
  for (unsigned i = 0; i < count; ++i) names.push_back(stage.subscribe(fmt::format("r{}", i)));
  const Operator op(stage.cluster, stage.environment);
  const auto begun = std::chrono::steady_clock::now();
  stage.declare();
  const auto is_registered = [&](const std::string& name) { return stage.count(name) == 1; };
  // Two hundred repositories within four minutes.
  eventually(
      "all are registered", [&] { return std::ranges::all_of(names, is_registered); },
      std::max<std::chrono::milliseconds>(30s, count * 1200ms));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  const auto asked = static_cast<double>(stage.bitbucket.requests().size());
  tell(fmt::format("{} repositories by {} requests in {:.1f} s", count, asked, took.count()));
  CHECK(asked > 2 * count);
  CHECK(asked <= took.count() * 2 + 1);
}

}  // namespace receiver::test
