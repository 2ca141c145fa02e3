#include <algorithm>
#include <chrono>
#include <future>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "test/integration/register_stage.h"
#include "test/support/temporary_file.h"

namespace receiver::test {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kMany = kSanitized ? 500 : 2'000;
constexpr unsigned kBranches = 50;
constexpr std::size_t kColumns = 160;
constexpr std::size_t kMostBytes = 200'000;
constexpr std::chrono::milliseconds kQuick = kSanitized ? 60s : 2s;

/// Each subscribes to a branch of one repository that all share, and to one of its own.
void add_many_warehouses(const RegisterStage& stage) {
  constexpr unsigned kAtATime = 4;
  const auto add = [&](unsigned first) {
    const Api api(stage.cluster.directory() + "/kubeconfig.admin");
    for (unsigned i = first; i < kMany; i += kAtATime) {
      (void)api.create(
          stage.project.collection("warehouses"),
          fmt::format(R"({{"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Warehouse",
            "metadata": {{"name": "a-warehouse-with-a-long-name-{:04}"}}, "spec": {{"subscriptions": [
              {{"git": {{"repoURL": "https://git.example.com/scm/own/repository-{}.git"}}}},
              {{"git": {{"repoURL": "{}", "branch": "branch-{}"}}}}]}}}})",
                      i, i, stage.clone_url("app"), i % kBranches));
    }
  };
  std::vector<std::future<void>> workers;
  for (unsigned i = 0; i < kAtATime; ++i) workers.push_back(std::async(std::launch::async, add, i));
  for (std::future<void>& worker : workers) worker.get();
}

/// In columns, without colors and the line ends of a terminal.
std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const auto columns = std::ranges::count_if(line, [](char byte) {
      return byte != '\r' && (static_cast<unsigned char>(byte) & 0xc0U) != 0x80U;
    });
    longest = std::max(longest, static_cast<std::size_t>(columns));
  }
  return longest;
}

/// Runs receiverctl with its output on a terminal. Its messages, each of which is one line, are
/// appended.
Finished run_on_terminal(const RegisterStage& stage, const std::vector<std::string>& words) {
  const TemporaryFile messages("");
  const std::string command =
      fmt::format("{} {} 2> {}", RECEIVERCTL_BINARY, fmt::join(words, " "), messages.path());
  Finished finished = run({"/usr/bin/script", "-qec", command, "/dev/null"},
                          {{"KUBECONFIG", stage.cluster.directory() + "/kubeconfig.admin"},
                           {"BITBUCKET_TOKEN", kApiToken},
                           {"COLUMNS", std::to_string(kColumns)},
                           {"TERM", "xterm"},
                           {"NO_COLOR", "1"}});
  CHECK(longest_line(finished.output) <= kColumns);
  finished.output += read_file(messages.path());
  return finished;
}

}  // namespace

TEST_CASE("with 2,000 Warehouses in a project each command is quick and short on a terminal",
          "[receiverctl][many_warehouses]") {
  RegisterStage stage(Source::kDataCenter);
  stage.bitbucket.add_repository("SHOP/app");
  add_many_warehouses(stage);
  const std::string& project = stage.project.name();
  const std::string app = stage.clone_url("app");
  const TemporaryFile secret(kSecret);
  const TemporaryFile pushed(data_center_push({app}, "refs/heads/branch-7").body);
  const TemporaryFile pushed_own(
      data_center_push({"https://git.example.com/scm/own/repository-7.git"}, "refs/heads/main")
          .body);
  const std::string account = "kargo/kargo-external-webhooks-server";
  using Words = std::vector<std::string>;
  const auto of_receiver = [&](Words words, const Words& more) {
    words.insert(words.end(), {"-n", project, "--receiver", "bb"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  const auto send = [&](const std::string& repository, const std::string& branch) {
    return of_receiver({"send"}, {"--repo", repository, "--branch", branch, "--event",
                                  "repo:refs_changed", "--via", stage.op.origin()});
  };
  const auto of_all = [&](const std::string& verb, Words more) {
    more.insert(more.end(), {"--all-subscribed", "--bitbucket-url", stage.bitbucket.url(),
                             "--ca-file", stage.bitbucket.ca_file()});
    return of_receiver({verb}, more);
  };
  eventually("the operator has seen all of them", [&] {
    const Finished finished = run_on_terminal(stage, send(app, "branch-7"));
    return finished.output.find(fmt::format("refreshed {} warehouse(s)", kMany / kBranches)) !=
           std::string::npos;
  });

  struct Row {
    Words words;
    int code;
    std::string told;
    bool writes = false;
  };
  const std::vector<Row> rows{
      {{"receivers", "-n", project}, 0, fmt::format(" {} ", kMany)},
      {{"receivers", "-A"}, 0, project},
      {{"receivers", "-n", project, "-o", "wide", "--show-urls"}, 0, project},
      {{"receivers", "describe", project + "/bb"}, 0, " more repositories: --repo URL"},
      {{"receivers", "describe", project + "/bb", "--branch", "branch-7"}, 0, "branch-7"},
      {{"receivers", "describe", project + "/bb", "--repo", app}, 0, " more, "},
      {{"explain", pushed.path(), "-n", project}, 0, "branch-7"},
      {{"explain", pushed.path(), "-n", project, "--all"}, 0, "branch-7"},
      {{"explain", pushed_own.path(), "-n", project}, 0, "repository-7"},
      {{"explain", pushed_own.path(), "-n", project, "--all"}, 0, "repository-7"},
      {{"check", "-n", project, "--service-account", account, "--via", stage.op.origin(),
        "--bitbucket-url", stage.bitbucket.url(), "--ca-file", stage.bitbucket.ca_file()},
       0,
       "SHOP/app: has no webhook"},
      {of_receiver({"url"}, {"--secret-file", secret.path(), "--base-url", "https://h"}), 0,
       "https://h/"},
      {send(app, "branch-8"), 0, fmt::format("refreshed {} warehouse(s)", kMany / kBranches)},
      {send("https://git.example.com/scm/own/repository-7.git", "main"), 0,
       "refreshed 1 warehouse(s)"},
      {of_all("register", {"--dry-run"}), 0, "would create"},
      {of_all("register", {}), 0, "created", true},
      {of_all("unregister", {}), 0, "would delete"},
      {of_all("unregister", {"--yes"}), 0, "deleted", true},
      {{"deliveries", "-n", project}, 1, "no pod in kargo"},
      {{"wait", "--for=ready", "-n", project}, 0, "is ready"},
  };
  for (const Row& row : rows) {
    Finished finished{};
    std::chrono::milliseconds took{};
    // The machine may be busy with other tests.
    for (int tries = row.writes ? 1 : 3; tries > 0; --tries) {
      const auto begun = std::chrono::steady_clock::now();
      finished = run_on_terminal(stage, row.words);
      took = std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::steady_clock::now() - begun);
      if (took < kQuick) break;
    }
    INFO(fmt::format("{}: {} ms, {} bytes", fmt::join(row.words, " "), took.count(),
                     finished.output.size()));
    INFO(finished.output.substr(0, 4'000));
    CHECK(finished.exit_code == row.code);
    CHECK_THAT(finished.output, Catch::Contains(row.told));
    CHECK(took < kQuick);
    CHECK(finished.output.size() < kMostBytes);
  }
}

}  // namespace receiver::test
