#include <chrono>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/bitbucket_server/bitbucket_server.h"
#include "test/support/cluster.h"
#include "test/support/operator.h"
#include "test/support/process.h"
#include "test/support/project.h"
#include "test/support/temporary_file.h"

namespace receiver::test {

namespace {

constexpr const char* kToken = "token-of-the-test-of-the-first-refresh";

void replace(std::string& text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  INFO("the README's commands have no " << what);
  REQUIRE(at != std::string::npos);
  text.replace(at, what.size(), with);
}

/// The first block of commands below that heading.
std::string commands_below(const std::string& heading) {
  const std::string readme = read_file(README);
  const std::size_t section = readme.find("\n" + heading + "\n");
  REQUIRE(section != std::string::npos);
  const std::string fence = "```sh\n";
  const std::size_t begin = readme.find(fence, section) + fence.size();
  return readme.substr(begin, readme.find("```", begin) - begin);
}

}  // namespace

TEST_CASE("a new user's way to the first refresh is what the README says", "[receiverctl]") {
  const Cluster cluster;
  BitbucketServer bitbucket(bitbucket::Source::kCloud);
  bitbucket.accept(std::string("Bearer ") + kToken);
  const Operator op(cluster);
  const Project project(cluster);
  project.declare({});
  project.add_warehouse("shop", project.repository("shop"));
  const std::string repository = project.name() + "/shop";
  bitbucket.add_repository(repository);

  // As they stand there, but for the names of this run.
  std::string commands = commands_below("### From there to the first refresh");
  replace(commands, "P=kargo-demo", "P=" + project.name());
  replace(commands, "https://bitbucket.org/acme/shop", project.repository("shop"));
  const TemporaryFile script(fmt::format(
      R"(set -euo pipefail
kubectl() {{ command {} "$@"; }}
receiverctl() {{
  local here=()
  [[ $1 != register ]] || here=(--cloud-url {} --ca-file {})
  command {} "$@" "${{here[@]}}"
}}
{})",
      cluster.setting("KUBECTL"), bitbucket.url(), bitbucket.ca_file(), RECEIVERCTL_BINARY,
      commands));

  const auto begin = std::chrono::steady_clock::now();
  // The token is typed, at the end of the commands that ask for it.
  const Finished finished =
      run({"bash", "-c", fmt::format("bash {} <<< {}", script.path(), kToken)},
          {{"KUBECONFIG", cluster.directory() + "/kubeconfig.admin"}});
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  INFO(finished.output);
  REQUIRE(finished.exit_code == 0);
  CHECK_THAT(finished.output, Catch::Contains(" 0 failure(s)"));
  CHECK_THAT(finished.output, Catch::Contains("refreshed 1 warehouse(s)"));
  CHECK(bitbucket.webhooks(repository).size() == 1);
  CHECK_FALSE(refresh_of(project.warehouse("shop")).empty());
  // Reading and typing have the rest of five minutes.
  CHECK(took < std::chrono::seconds(30));
  fmt::print("the five steps to the first refresh took {} ms\n", took.count());
}

}  // namespace receiver::test
