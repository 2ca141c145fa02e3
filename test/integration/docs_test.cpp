#include <chrono>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/bitbucket_server/bitbucket_server.h"
#include "test/integration/registration_stage.h"
#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/process.h"
#include "test/support/project.h"
#include "test/support/temporary_file.h"

// Runs commands of README.md, docs/monorepos.md, docs/register.md and docs/secrets.md unchanged.

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

/// Replaces it wherever it is.
void replace(std::string& text, const std::string& what, const std::string& with) {
  std::size_t at = text.find(what);
  INFO("the commands do not contain " << what);
  REQUIRE(at != std::string::npos);
  for (; at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

/// Of a person who runs the commands.
struct Shell {
  std::string receiverctl_options;  ///< bash: sets the array `more` for the command `$1`
  std::string input;                ///< is typed
  Environment environment;
};

/// Runs the commands for this project, with the cluster's kubectl.
Finished attempt(const Cluster& cluster, const Project& project, std::string commands,
                 const Shell& shell = {}) {
  replace(commands, "kargo-demo", project.name());
  const TemporaryFile script(fmt::format(
      R"(set -euo pipefail
kubectl() {{ command {} "$@"; }}
receiverctl() {{
  local more=()
  {}
  command {} "$@" "${{more[@]}}"
}}
{})",
      cluster.setting("KUBECTL"), shell.receiverctl_options, RECEIVERCTL_BINARY, commands));
  Environment environment = shell.environment;
  environment["KUBECONFIG"] = cluster.directory() + "/kubeconfig.admin";
  return run({"bash", "-c", fmt::format("bash {} <<< '{}'", script.path(), shell.input)},
             environment);
}

std::string run_commands(const Cluster& cluster, const Project& project,
                         const std::string& commands, const Shell& shell = {}) {
  const Finished finished = attempt(cluster, project, commands, shell);
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
  project.add_warehouse("shop", project.repository("shop"));
  const std::string repository = project.name() + "/shop";
  bitbucket.add_repository(repository);

  std::string commands = commands_of("README.md", "first refresh");
  replace(commands, "https://bitbucket.org/acme/shop", project.repository("shop"));
  const Shell shell{.receiverctl_options =
                        fmt::format("[[ $1 != register ]] || more=(--cloud-url {} --ca-file {})",
                                    bitbucket.url(), bitbucket.ca_file()),
                    .input = kToken,
                    .environment = {}};

  const auto begin = std::chrono::steady_clock::now();
  const std::string output = run_commands(cluster, project, commands, shell);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  CHECK_THAT(output, Catch::Contains(" 0 failure(s)"));
  CHECK_THAT(output, Catch::Contains("refreshed 1 warehouse(s)"));
  CHECK(bitbucket.webhooks(repository).size() == 1);
  CHECK_FALSE(refresh_of(project.warehouse("shop")).empty());
  CHECK(took < std::chrono::seconds(30));
  fmt::print("the commands of the first refresh took {} ms\n", took.count());
}

TEST_CASE("the documented commands keep the receivers that exist", "[docs]") {
  const auto [page, block] =
      GENERATE(std::pair("README.md", "first refresh"), std::pair("docs/secrets.md", "create"));
  const Cluster cluster;
  const Project project(cluster);
  project.declare({{"other", "other"}});

  const Finished finished = attempt(cluster, project, commands_of(page, block));
  INFO(finished.output);
  CHECK(finished.exit_code != 0);
  CHECK_THAT(finished.output, Catch::Contains("conflict"));
  const Json config = project.config();
  CHECK(config.size_at("/spec/webhookReceivers") == 1);
  CHECK(config.at("/spec/webhookReceivers/0/name") == "other");
}

TEST_CASE("the documented commands create a receiver and rotate its secret", "[docs]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  project.add_warehouse("app", project.repository());
  const Delivery push = cloud_push(project.repository(), "main");
  const auto url = [&] { return published_url(project.config(), "bb-wh-receiver"); };
  const auto secret = [&] {
    return run_commands(cluster, project, commands_of("docs/secrets.md", "show"));
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

TEST_CASE("the documented commands register webhooks, and ask which files a push changes",
          "[registrar][docs]") {
  RegistrationStage stage(Source::kDataCenter);
  stage.bitbucket.answer_reads([](const std::string& url) {
    return url.ends_with("/default-branch") ? Answer{.body = R"({"id":"refs/heads/main"})"}
                                            : Answer{.status = 404};
  });
  Environment environment = stage.environment;
  environment.erase("EXTERNAL_WEBHOOK_SERVER_BASE_URL");  // `check` reaches the operator's own
  const Operator op(stage.cluster, environment);
  environment["token"] = kAdminToken;  // of blocks that go on with it
  stage.project.put_secret("bb-wh-secret", {{"secret", kSecret},
                                            {"bitbucket.url", stage.bitbucket.url()},
                                            {"bitbucket.ca", stage.bitbucket.ca_pem()}});
  stage.project.declare({{"bb-wh-receiver", "bb-wh-secret"}});
  stage.project.await_ready();
  const std::string app = stage.subscribe("app");
  const Shell shell{.receiverctl_options = fmt::format(
                        "[[ $1 != register ]] || more=(--bitbucket-url {} --ca-file {})",
                        stage.bitbucket.url(), stage.bitbucket.ca_file()),
                    .input = kAdminToken,
                    .environment = environment};
  const auto run_block = [&](const std::string& page, const std::string& name,
                             const std::string& owner) {
    std::string commands = commands_of(page, name);
    if (!owner.empty()) replace(commands, "acme", owner);
    return run_commands(stage.cluster, stage.project, commands, shell);
  };

  CHECK_THAT(run_block("docs/register.md", "dry run", ""), Catch::Contains("would create"));
  CHECK(stage.count(app) == 0);
  CHECK_THAT(run_block("docs/register.md", "register", ""), Catch::Contains("created"));
  CHECK(stage.count(app) == 1);

  (void)run_block("docs/monorepos.md", "turn it on", "");
  const std::string asked = run_block("docs/monorepos.md", "look", "");
  CHECK_THAT(asked, Catch::Contains("Bitbucket of " + stage.project.name() + "/bb-wh-receiver"));
  CHECK_THAT(asked, Catch::Contains(" 0 failure(s)"));
  CHECK_THAT(asked, Catch::Contains("A push of refs/heads/main to " + stage.clone_url("app")));

  const std::string web = stage.subscribe("web");
  (void)run_block("docs/register.md", "automatically", stage.owner());
  eventually("the operator registers the webhook", [&] { return stage.count(web) == 1; });
  eventually("an Event says so",
             [&] { return !stage.project.events("WebhookRegistered").empty(); });
}

}  // namespace receiver::test
