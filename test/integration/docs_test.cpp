#include <chrono>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/bitbucket_server/bitbucket_server.h"
#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/process.h"
#include "test/support/project.h"
#include "test/support/temporary_file.h"

// Runs commands of README.md and docs/secrets.md unchanged.

namespace receiver::test {

namespace {

constexpr const char* kToken = "token-of-the-test-of-the-documents";

/// The block of commands below the line that names this file and `name`.
std::string commands_of(const std::string& page, const std::string& name) {
  INFO("the block \"" << name << "\" of " << page);
  const std::string text = read_file(SOURCE_DIR "/" + page);
  const std::string marker =
      "<!-- tested by test/integration/docs_test.cpp: " + name + " -->\n```sh\n";
  const std::size_t at = text.find(marker);
  REQUIRE(at != std::string::npos);
  const std::size_t begin = at + marker.size();
  return text.substr(begin, text.find("```", begin) - begin);
}

void replace(std::string& text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  INFO("the commands do not contain " << what);
  REQUIRE(at != std::string::npos);
  text.replace(at, what.size(), with);
}

/// Runs the commands for this project, with the cluster's kubectl. `input` is typed.
std::string run_commands(const Cluster& cluster, const Project& project, std::string commands,
                         const std::string& functions = {}, const std::string& input = {}) {
  replace(commands, "P=kargo-demo", "P=" + project.name());
  const TemporaryFile script(
      fmt::format("set -euo pipefail\nkubectl() {{ command {} \"$@\"; }}\n{}\n{}",
                  cluster.setting("KUBECTL"), functions, commands));
  const Finished finished =
      run({"bash", "-c", fmt::format("bash {} <<< '{}'", script.path(), input)},
          {{"KUBECONFIG", cluster.directory() + "/kubeconfig.admin"}});
  INFO(finished.output);
  REQUIRE(finished.exit_code == 0);
  return finished.output;
}

}  // namespace

TEST_CASE("the README's way to the first refresh works", "[receiverctl][docs]") {
  const Cluster cluster;
  BitbucketServer bitbucket(bitbucket::Source::kCloud);
  bitbucket.accept(std::string("Bearer ") + kToken);
  const Operator op(cluster);
  const Project project(cluster);
  project.declare({});
  project.add_warehouse("shop", project.repository("shop"));
  const std::string repository = project.name() + "/shop";
  bitbucket.add_repository(repository);

  std::string commands = commands_of("README.md", "first refresh");
  replace(commands, "https://bitbucket.org/acme/shop", project.repository("shop"));
  const std::string receiverctl = fmt::format(
      R"(receiverctl() {{
  local here=()
  [[ $1 != register ]] || here=(--cloud-url {} --ca-file {})
  command {} "$@" "${{here[@]}}"
}})",
      bitbucket.url(), bitbucket.ca_file(), RECEIVERCTL_BINARY);

  const auto begin = std::chrono::steady_clock::now();
  const std::string output = run_commands(cluster, project, commands, receiverctl, kToken);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  CHECK_THAT(output, Catch::Contains(" 0 failure(s)"));
  CHECK_THAT(output, Catch::Contains("refreshed 1 warehouse(s)"));
  CHECK(bitbucket.webhooks(repository).size() == 1);
  CHECK_FALSE(refresh_of(project.warehouse("shop")).empty());
  CHECK(took < std::chrono::seconds(30));
  fmt::print("the commands of the first refresh took {} ms\n", took.count());
}

TEST_CASE("the documented commands create a receiver and rotate its secret", "[docs]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  project.add_warehouse("app", project.repository());
  const Delivery push = cloud_push(project.repository(), "main");
  const auto url = [&] { return published_url(project.config(), "bb-wh-receiver"); };
  const auto secret = [&] {
    return cluster.kubectl({"-n", project.name(), "get", "secret", "bb-wh-secret", "-o",
                            "go-template={{.data.secret | base64decode}}"});
  };

  const std::string created =
      run_commands(cluster, project, commands_of("docs/secrets.md", "create"));
  const std::string old_url = url();
  const std::string old_secret = secret();
  CHECK_THAT(created, Catch::EndsWith(old_url));
  CHECK(text_of(post(old_url, sign(push, old_secret))) == kRefreshed);

  (void)run_commands(cluster, project, commands_of("docs/secrets.md", "rotate"));
  eventually("another URL is published", [&] { return url() != old_url; });
  CHECK(text_of(post(url(), sign(push, secret()))) == kRefreshed);
  CHECK(text_of(post(old_url, sign(push, old_secret))) == kRefreshed);

  (void)run_commands(cluster, project, commands_of("docs/secrets.md", "finish the rotation"));
  eventually("the former URL is gone",
             [&] { return post(old_url, sign(push, old_secret)).status == 404; });
  CHECK(text_of(post(url(), sign(push, secret()))) == kRefreshed);
}

}  // namespace receiver::test
