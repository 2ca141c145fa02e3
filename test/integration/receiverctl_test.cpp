#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "test/bitbucket_server/bitbucket_server.h"
#include "test/integration/missing_kind.h"
#include "test/integration/transcript.h"
#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/process.h"
#include "test/support/project.h"
#include "test/support/temporary_directory.h"
#include "test/support/temporary_file.h"
#include "test/support/test_certificates.h"

namespace receiver::test {

using bitbucket::Source;

namespace {

constexpr const char* kAccount = "kargo/kargo-external-webhooks-server";
/// As wide as a project's name in one run, so that columns do not move.
constexpr const char* kProject = "project-of-the-test";

std::string payload(const std::string& name) {
  return std::string(TESTDATA_DIR) + "/bitbucket/" + name;
}

/// A project with a receiver `bb`, Warehouses of several selections, and Promotions.
struct Stage {
  explicit Stage(const Environment& settings = {}) : op(cluster, settings), project(cluster) {
    path = project.publish("bb", kSecret);
    shown.hide(kSecret);
  }

  void add_objects() const {
    const std::string shop = project.repository("shop");
    project.add_warehouse("any", shop);
    project.add_warehouse("dev", shop, R"("branch": "dev")");
    project.add_warehouse("versions", "git@bitbucket.org:" + project.name() + "/shop.git",
                          R"("commitSelectionStrategy": "SemVer", "semverConstraint": "^1.2.0")");
    project.add_warehouse("data-center", "https://git.example.com/scm/shop/app.git");
    project.add_warehouse("data-center-ssh", "ssh://git@git.example.com:7999/shop/app.git");
    project.add_warehouse("no-git", "");
    project.add_promotion("waits", project.repository("gitops") + "/pull-requests/7");
    project.add_promotion("waits-for-another", project.repository("gitops") + "/pull-requests/8");
    project.add_promotion("finished", project.repository("gitops") + "/pull-requests/7",
                          "Succeeded");
  }

  /// Waits until the operator has seen all objects; `answer` has their number.
  void await_seen(const std::vector<std::string>& arguments, const std::string& answer) const {
    std::vector<std::string> words{RECEIVERCTL_BINARY, "send",
                                   "--kubeconfig",     cluster.directory() + "/kubeconfig.admin",
                                   "--project",        project.name(),
                                   "--receiver",       "bb"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    eventually("the operator has seen the objects",
               [&] { return run(words).output.find(answer) != std::string::npos; });
  }

  Cluster cluster;
  Operator op;
  Project project;
  std::string path;
  Transcript shown{cluster, {{project.name(), kProject}}};
};

}  // namespace

TEST_CASE("receivers are listed and described as they stand", "[receiverctl]") {
  Stage stage;
  stage.add_objects();
  const std::string& project = stage.project.name();
  stage.project.put_secret("weak", {{"secret", "short\n"}});
  stage.project.declare({{"bb", "bb-secret"},
                         {"weak", "weak"},
                         {"lost", "lost-secret"},
                         {"odd", "a name with spaces"}});
  eventually("all that can be published is", [&] {
    const Json config = stage.project.config();
    return !published_url(config, "bb").empty() && !published_url(config, "weak").empty();
  });

  stage.shown.run({"receivers", "--project", project});
  stage.shown.run({"receivers", "--project", project, "--show-urls"});
  stage.shown.run({"receivers", "--project", project, "-o", "json"});
  stage.shown.run({"receivers", "describe", project + "/bb"});
  stage.shown.run({"receivers", "describe", project + "/bb", "--branch", "main", "--show-urls"});
  stage.shown.run({"receivers", "describe", project + "/bb", "--tag", "v1.3.0", "-o", "json"});
  stage.shown.run({"receivers", "describe", project + "/lost"});
  stage.shown.run({"receivers", "describe", project + "/weak"});
  stage.shown.run({"receivers", "describe", project + "/nobody"});
  stage.shown.run({"receivers", "describe", "nobody/bb"});
  stage.shown.run({"receivers", "--project", "nobody"});
  stage.shown.check("receivers.txt");
}

TEST_CASE("a receiver's URL is computed as the operator publishes it", "[receiverctl]") {
  const Stage stage;
  const TemporaryFile secret(kSecret);
  const Finished computed =
      run({RECEIVERCTL_BINARY, "url", "--project", stage.project.name(), "--receiver", "bb",
           "--secret-file", secret.path(), "--base-url", stage.op.origin()});
  CHECK(computed.exit_code == 0);
  CHECK(computed.output == published_url(stage.project.config(), "bb") + "\n");
}

TEST_CASE("receivers of the ClusterConfig reach every namespace", "[receiverctl]") {
  Stage stage;
  stage.add_objects();
  const std::string name = unique_name();
  put_secret(stage.cluster.admin(), kSystemNamespace, name, {{"secret", kSecret}});
  const ClusterConfig config(stage.cluster, name, name);
  eventually("its URL is published", [&] { return !published_url(config.get(), name).empty(); });

  Environment environment{{"KUBECONFIG", stage.cluster.directory() + "/kubeconfig.admin"}};
  const Finished listed = run({RECEIVERCTL_BINARY, "receivers", "-o", "json"}, environment);
  CHECK(listed.exit_code == 0);
  const Json receivers(listed.output);
  CHECK(receivers.at("/items/0/project").empty());
  CHECK(receivers.at("/items/0/name") == name);
  CHECK(receivers.at("/items/0/ready") == "true");
  CHECK(std::stoul(receivers.at("/items/0/warehouses")) >= 4);
  CHECK(std::stoul(receivers.at("/items/0/promotions")) >= 2);

  stage.await_seen({"--repo", stage.project.repository("shop"), "--branch", "dev"},
                   "refreshed 2 warehouse(s)");
  const Finished sent =
      run({RECEIVERCTL_BINARY, "send", "--cluster-config", "--receiver", name, "--repo",
           stage.project.repository("shop"), "--branch", "dev", "-o", "json"},
          environment);
  INFO(sent.output);
  CHECK(sent.exit_code == 0);
  CHECK(Json(sent.output).size_at("/items/0/objects") == 2);
  const Finished described =
      run({RECEIVERCTL_BINARY, "receivers", "describe", name, "--cluster-config"}, environment);
  CHECK(described.exit_code == 0);
  CHECK_THAT(described.output, Catch::Contains("all (ClusterConfig)"));
}

TEST_CASE("a delivery that is sent refreshes what it is for, and says so", "[receiverctl]") {
  Stage stage;
  stage.add_objects();
  const std::string& project = stage.project.name();
  const std::string shop = stage.project.repository("shop");
  const std::string gitops = stage.project.repository("gitops");
  stage.await_seen({"--repo", shop, "--tag", "v1.2.9"}, "refreshed 1 warehouse(s)");
  stage.await_seen({"--repo", "https://git.example.com/scm/shop/app.git"},
                   "refreshed 2 warehouse(s)");
  stage.await_seen({"--event", "pr:merged", "--pull-request", gitops + "/pull-requests/7"},
                   "refreshed 1 promotion(s)");

  const auto send = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"send", "--project", project, "--receiver", "bb"});
    stage.shown.run(std::move(arguments));
  };
  send({"--repo", shop, "--branch", "dev"});
  send({"--repo", shop, "--tag", "v1.3.0", "-o", "json"});
  send({"--repo", "ssh://git@git.example.com:7999/shop/app.git"});
  send({"--repo", "https://git.example.com/scm/shop/app.git"});
  send({"--event", "pullrequest:fulfilled", "--pull-request", gitops + "/pull-requests/7"});
  send({"--event", "pullrequest:rejected", "--pull-request", gitops + "/pull-requests/7"});
  send({"--event", "pr:declined", "--pull-request", gitops + "/pull-requests/7"});
  send({"--event", "pr:deleted", "--pull-request", gitops + "/pull-requests/9"});
  send({"--event", "diagnostics:ping"});
  send({"--repo", stage.project.repository("nobody")});
  stage.shown.check("send.txt");
}

TEST_CASE("a delivery that is not accepted comes back with what to do", "[receiverctl]") {
  Stage stage;
  const std::string& project = stage.project.name();
  const TemporaryFile secret(kSecret);
  const TemporaryFile wrong("another-secret-of-some-length");
  Transcript shown(
      stage.cluster,
      {{project, kProject}, {secret.path(), "SECRET-FILE"}, {wrong.path(), "WRONG-FILE"}});
  shown.hide(kSecret);
  const std::string url = stage.op.url(stage.path);
  shown.run({"send", "--url", url, "--secret-file", secret.path(), "--repo",
             "https://bitbucket.org/acme/shop"});
  shown.run({"send", "--url", url, "--secret-file", wrong.path(), "--repo",
             "https://bitbucket.org/acme/shop"});
  shown.run({"send", "--url", stage.op.url("/bitbucket/x"), "--secret-file", secret.path(),
             "--event", "diagnostics:ping", "-o", "json"});
  shown.run({"send", "--url", "http://127.0.0.1:1" + stage.path, "--secret-file", secret.path(),
             "--event", "diagnostics:ping"});
  shown.run({"send", "--project", project, "--receiver", "nobody", "--event", "diagnostics:ping"});
  shown.run({"send", "--project", project, "--receiver", "bb"});
  stage.project.delete_secret("bb-secret");
  shown.run({"send", "--project", project, "--receiver", "bb", "--event", "diagnostics:ping"});
  shown.check("send_refused.txt");
}

TEST_CASE("a saved payload is explained, and signed and sent again", "[receiverctl]") {
  Stage stage;
  stage.project.add_warehouse("cloud", "https://bitbucket.org/kargo-orchard/fruit-basket");
  stage.project.add_warehouse("tags", "https://bitbucket.org/kargo-orchard/fruit-basket",
                              R"("commitSelectionStrategy": "NewestTag")");
  stage.project.add_warehouse("data-center",
                              "https://git.orchard.example/scm/orch/fruit-basket.git");
  stage.project.add_promotion(
      "waits", "https://git.orchard.example/projects/ORCH/repos/fruit-basket/pull-requests/27");
  const std::string& project = stage.project.name();
  const std::string pushed = payload("cloud/push_branch_update.json");
  const std::string merged = payload("data_center/pull_request_merged_10.json");
  stage.await_seen({"--payload", pushed}, "refreshed 1 warehouse(s)");
  stage.await_seen({"--payload", merged}, "refreshed 1 promotion(s)");

  Transcript shown(stage.cluster, {{project, kProject}, {std::string(TESTDATA_DIR), "TESTDATA"}});
  shown.hide(kSecret);
  shown.run({"explain", pushed, "--project", project});
  shown.run({"explain", pushed, "--project", project, "-o", "json"});
  shown.run({"explain", payload("data_center/refs_changed_several.json"), "--project", project});
  shown.run({"explain", merged, "--project", project});
  shown.run({"explain", payload("data_center/refs_changed_5_13.json"), "--project", project,
             "--event", "repo:refs_changed"});
  shown.run({"explain", pushed, "--project", project, "--event", "repo:fork"});
  shown.run({"explain", pushed, "--event", "repo:fork", "--offline", "-o", "json"});
  shown.run({"explain", payload("data_center/refs_changed_5_13.json"), "--project", project});
  shown.run({"send", "--project", project, "--receiver", "bb", "--payload", pushed});
  shown.run({"send", "--project", project, "--receiver", "bb", "--payload", merged});
  shown.run({"send", "--project", project, "--receiver", "bb", "--payload", pushed, "--event",
             "repo:fork"});
  shown.run({"send", "--project", project, "--receiver", "bb", "--event", "repo:fork"});
  shown.check("explain.txt");
}

TEST_CASE("only a terminal is shown colours, unless it wants none", "[receiverctl]") {
  const Stage stage;
  const std::string command =
      fmt::format("{} receivers --project {}", RECEIVERCTL_BINARY, stage.project.name());
  const auto has_colours = [&](const std::string& in_terminal, const std::string& no_color) {
    const Finished finished = run({"script", "-qec", in_terminal, "/dev/null"},
                                  {{"KUBECONFIG", stage.cluster.directory() + "/kubeconfig.admin"},
                                   {"TERM", "xterm"},
                                   {"NO_COLOR", no_color}});
    INFO(finished.output);
    CHECK(finished.exit_code == 0);
    CHECK_THAT(finished.output, Catch::Contains(stage.project.name()));
    return finished.output.find("\x1b[3") != std::string::npos;
  };
  CHECK(has_colours(command, ""));
  CHECK_FALSE(has_colours(command, "1"));
  CHECK_FALSE(has_colours(command + " | cat", ""));
}

TEST_CASE("kubectl runs it as its plugin", "[receiverctl]") {
  const Stage stage;
  const TemporaryDirectory folder;
  const std::string link = folder.path("kubectl-bitbucket_receiver");
  std::filesystem::create_symlink(RECEIVERCTL_BINARY, link);
  const Environment environment{
      {"KUBECONFIG", stage.cluster.directory() + "/kubeconfig.admin"},
      {"PATH", fmt::format("{}:{}", folder.path(""), current_environment().at("PATH"))}};
  for (const std::string& project : {stage.project.name(), std::string("nobody")}) {
    const std::string kubectl = stage.cluster.setting("KUBECTL");
    const Finished plugin =
        run({kubectl, "bitbucket-receiver", "receivers", "--project", project}, environment);
    const Finished itself = run({link, "receivers", "--project", project}, environment);
    CHECK(plugin.output == itself.output);
    CHECK(plugin.exit_code == itself.exit_code);
  }
}

TEST_CASE("each documented exit code is the one that comes", "[receiverctl]") {
  const Stage stage;
  const std::string& project = stage.project.name();
  const std::string pushed = payload("cloud/push_branch_update.json");
  const TemporaryFile dead(R"({"apiVersion": "v1", "kind": "Config", "current-context": "c",
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "users": [{"name": "u", "user": {"token": "t"}}]})");
  const TemporaryFile secret(kSecret);
  const std::string admin = stage.cluster.directory() + "/kubeconfig.admin";
  const auto code = [&](const std::string& kubeconfig, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), RECEIVERCTL_BINARY);
    const Finished finished =
        run(std::move(arguments), {{"KUBECONFIG", kubeconfig}, {"BITBUCKET_TOKEN", "token"}});
    INFO(finished.output);
    CHECK_FALSE(finished.output.empty());
    return finished.exit_code;
  };
  const std::string shop = "https://bitbucket.org/acme/shop";
  struct Row {
    std::vector<std::string> arguments;
    int code;      ///< with the cluster
    int far_away;  ///< with an API server that does not answer
  };
  const std::vector<Row> rows{
      {{"receivers", "--project", project}, 0, 3},
      {{"receivers", "--project", "nobody"}, 1, 3},
      {{"receivers", "describe", project + "/bb"}, 0, 3},
      {{"receivers", "describe", project + "/nobody"}, 1, 3},
      {{"receivers", "describe", "bb"}, 2, 2},
      {{"wait", "--project", project, "--receiver", "bb"}, 0, 3},
      {{"wait", "--project", "nobody", "--timeout", "0"}, 1, 3},
      {{"check", "--project", project, "--base-url", "http://127.0.0.1:1"}, 1, 1},
      {{"check", "--service-account", "name"}, 2, 2},
      {{"send", "--project", project, "--receiver", "nobody", "--repo", shop}, 1, 3},
      {{"send", "--project", project, "--receiver", "bb", "--event", "diagnostics:ping"}, 0, 3},
      {{"send", "--url", "http://127.0.0.1:1/x", "--secret-file", secret.path(), "--repo", shop},
       3,
       3},
      {{"explain", pushed, "--project", project}, 1, 3},
      {{"explain", pushed, "--offline"}, 0, 0},
      {{"explain", "/nowhere", "--offline"}, 3, 3},
      {{"url", "--project", project, "--receiver", "bb", "--secret-file", secret.path(),
        "--base-url", "https://h"},
       0,
       0},
      {{"register", "--project", project, "--receiver", "nobody", "--repo", shop}, 1, 3},
      {{"register", "--project", "nobody", "--receiver", "bb", "--repo", shop}, 1, 3},
      {{"register", "--project", project, "--receiver", "bb"}, 2, 2},
      {{"unregister", "--project", project, "--receiver", "nobody", "--repo", shop}, 1, 3},
      {{"unregister", "--project", project, "--receiver", "bb", "--repo",
        "https://localhost:1/scm/a/b"},
       3,
       3},
      {{"nonsense"}, 2, 2},
      {{"--help"}, 0, 0},
  };
  for (const Row& row : rows) {
    INFO(fmt::format("{}", fmt::join(row.arguments, " ")));
    CHECK(code(admin, row.arguments) == row.code);
    CHECK(code(dead.path(), row.arguments) == row.far_away);
  }
}

TEST_CASE("output that cannot be written is no success", "[receiverctl]") {
  const TemporaryFile secret(kSecret);
  const std::string command =
      fmt::format("{} url --project p --receiver r --base-url https://h --secret-file {}",
                  RECEIVERCTL_BINARY, secret.path());
  CHECK(run({"/bin/sh", "-c", command + " > /dev/null"}).exit_code == 0);
  for (const char* where : {"> /dev/full", ">&-", "<&- >&-"}) {
    INFO(where);
    const Finished finished = run({"/bin/sh", "-c", command + " " + where});
    CHECK(finished.exit_code == 3);
    CHECK(finished.output == "receiverctl: the output cannot be written\n");
  }
  // Nobody reads the pipe any more.
  const Finished gone = run({"/bin/bash", "-c", "exec 3> >(exit); wait $!; " + command + " >&3"});
  CHECK(gone.exit_code == 0);
  CHECK(gone.output.empty());
}

TEST_CASE("a cluster without Kargo's kinds is reported with the remedy", "[receiverctl]") {
  const Stage stage;
  const MissingPromotions missing(stage.cluster.admin());
  const Finished finished =
      run({RECEIVERCTL_BINARY, "receivers", "--project", stage.project.name()},
          {{"KUBECONFIG", stage.cluster.directory() + "/kubeconfig.admin"}});
  CHECK(finished.exit_code == 1);
  CHECK_THAT(finished.output,
             Catch::Contains(" does not serve promotions.kargo.akuity.io: install Kargo"));
}

TEST_CASE("wait ends when the receivers are ready, or in time with what is missing",
          "[receiverctl]") {
  Stage stage;
  const std::string& project = stage.project.name();
  stage.shown.run({"wait", "--for=ready", "--project", project});
  stage.shown.run({"wait", "--for=ready", "--project", project, "--receiver", "bb", "-o", "json"});
  stage.shown.run({"wait", "--project", project, "--receiver", "nobody", "--timeout", "0.1s"});
  stage.shown.run({"wait", "--project", "nobody", "--timeout", "0"});
  stage.project.declare({{"bb", "bb-secret"}, {"late", "late-secret"}});
  stage.shown.run({"wait", "--project", project, "--timeout", "1s", "-o", "yaml"});
  stage.shown.check("wait.txt");

  const TemporaryFile output("");
  Environment environment = current_environment();
  environment["KUBECONFIG"] = stage.cluster.directory() + "/kubeconfig.admin";
  Process waiting({RECEIVERCTL_BINARY, "wait", "--project", project, "--timeout", "60s"},
                  environment, output.path());
  CHECK_FALSE(waiting.wait(std::chrono::seconds(1)));
  stage.project.put_secret("late-secret", {{"secret", kSecret}});
  CHECK(waiting.wait(std::chrono::seconds(30)) == 0);
  CHECK_THAT(read_file(output.path()), Catch::Contains("receiver " + project + "/late is ready\n"));
}

TEST_CASE("receivers that are watched are shown when they change", "[receiverctl]") {
  const Stage stage;
  const std::string& project = stage.project.name();
  stage.project.declare({});
  const TemporaryFile output("");
  Environment environment = current_environment();
  environment["KUBECONFIG"] = stage.cluster.directory() + "/kubeconfig.admin";
  Process watching({RECEIVERCTL_BINARY, "receivers", "--watch", "--project", project}, environment,
                   output.path());
  const auto shown = [&](const std::string& text) {
    return read_file(output.path()).find(text) != std::string::npos;
  };
  eventually("there is none", [&] { return shown("There are no Bitbucket receivers.\n"); });
  stage.project.declare({{"bb", "bb-secret"}});
  eventually("it is ready", [&] { return shown("bb     True "); });
  stage.project.delete_secret("bb-secret");
  eventually("it is not any more", [&] { return shown("bb     False "); });
  stage.project.declare({});
  eventually("it is gone", [&] { return shown("projectconfig/" + project + "/bb is gone\n"); });
  watching.signal(SIGTERM);
  CHECK(watching.wait(std::chrono::seconds(10)) == 128 + SIGTERM);
  const std::string all = read_file(output.path());
  CHECK_THAT(all, Catch::StartsWith("There are no Bitbucket receivers.\nPROJECT "));
  CHECK(all.find("PROJECT ") == all.rfind("PROJECT "));
}

TEST_CASE("check finds all well where it is", "[receiverctl]") {
  Stage stage;
  const std::string& project = stage.project.name();
  stage.shown.run({"check", "--project", project, "--base-url", stage.op.origin()});
  stage.shown.run({"check", "--project", project, "--service-account", kAccount, "-o", "json"});
  stage.shown.check("check_well.txt");
}

TEST_CASE("check names what is missing, and what to do about it", "[receiverctl]") {
  const Cluster cluster;
  const Project project(cluster, Project::Secrets::kForbidden);
  BitbucketServer stranger(Source::kCloud);
  Transcript shown(cluster, {{project.name(), kProject}, {stranger.ca_file(), "CA-FILE"}});
  {
    Operator op(cluster);
    const Project good(cluster);
    (void)good.publish("bb", kSecret);  // so that one replica leads
    project.put_secret("weak", {{"secret", "short\n"}, {"secret.previous", "older"}}, false);
    project.declare({{"weak", "weak"}, {"lost", "lost-secret"}});
    eventually("the failure is told", [&] {
      return ready_message(project.config(), "False").starts_with("Failed to sync");
    });
    shown.run({"check", "--project", project.name(), "--service-account", kAccount, "--base-url",
               op.origin() + "/elsewhere"});
    op.terminate();
    REQUIRE(op.exit_code(kPatience) == 0);
  }
  cluster.admin().merge_patch(kLeasePath,  // long ago
                              R"({"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}})");
  shown.run({"check", "--project", project.name(), "--all-secrets"});
  {
    const MissingPromotions missing(cluster.admin());
    shown.run({"check", "--project", project.name()});
  }
  shown.run({"check", "--kubeconfig", "/nowhere", "--base-url", "http://127.0.0.1:1"});
  shown.run({"check", "--kubeconfig", "/nowhere", "--base-url", "https://nowhere.invalid"});
  const auto no_such_page = failure(Source::kCloud, 404, "no such page");
  stranger.answer_next({no_such_page, no_such_page});
  const std::string port = stranger.url().substr(stranger.url().rfind(':'));
  shown.run({"check", "--kubeconfig", "/nowhere", "--base-url", "https://127.0.0.1" + port,
             "--ca-file", stranger.ca_file()});
  shown.check("check_ill.txt");
}

TEST_CASE("deliveries are sent, and certificates judged, over TLS", "[receiverctl]") {
  const Cluster cluster;
  const TestAuthority authority;
  const auto identity = authority.issue();
  const TemporaryFile certificate(identity.certificate_pem);
  const TemporaryFile key(identity.key_pem);
  const TemporaryFile ca(authority.pem());
  const Operator op(cluster, {{"TLS_ENABLED", "true"},
                              {"TLS_CERT_PATH", certificate.path()},
                              {"TLS_KEY_PATH", key.path()},
                              {"EXTERNAL_WEBHOOK_SERVER_BASE_URL", "https://hooks.example.com"}});
  const Project project(cluster);
  (void)project.publish("bb", kSecret);
  const std::string origin = "https://127.0.0.1:" + std::to_string(op.port());
  Transcript shown(cluster, {{project.name(), kProject}, {ca.path(), "CA-FILE"}});
  shown.hide(kSecret);
  shown.run({"send", "--project", project.name(), "--receiver", "bb", "--event", "diagnostics:ping",
             "--via", origin, "--ca-file", ca.path()});
  shown.run({"send", "--project", project.name(), "--receiver", "bb", "--event", "diagnostics:ping",
             "--via", origin});
  shown.run({"check", "--project", project.name(), "--base-url", origin, "--ca-file", ca.path()});
  shown.run({"check", "--project", project.name(), "--base-url", origin});
  shown.check("tls.txt");
}

TEST_CASE("who may not look is told what is forbidden", "[receiverctl]") {
  Stage stage;
  const std::string& project = stage.project.name();
  // An account without any permission, as another context of a kubeconfig.
  (void)stage.cluster.kubectl({"create", "serviceaccount", "nobody", "--namespace", project});
  std::string token = stage.cluster.kubectl({"create", "token", "nobody", "--namespace", project});
  while (token.ends_with('\n')) token.pop_back();
  const TemporaryFile kubeconfig(read_file(stage.cluster.directory() + "/kubeconfig.admin"));
  const auto config = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--kubeconfig", kubeconfig.path(), "config"});
    return stage.cluster.kubectl(std::move(arguments));
  };
  std::string name_of_cluster = config({"view", "--output", "jsonpath={.clusters[0].name}"});
  (void)config({"set-credentials", "nobody", "--token", token});
  (void)config({"set-context", "as-nobody", "--cluster", name_of_cluster, "--user", "nobody"});

  Transcript shown(stage.cluster,
                   {{project, kProject}, {kubeconfig.path(), "KUBECONFIG"}, {token, "TOKEN"}});
  const auto run_as_nobody = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(),
                     {"--kubeconfig", kubeconfig.path(), "--context", "as-nobody"});
    shown.run(std::move(arguments));
  };
  run_as_nobody({"receivers", "--project", project});
  run_as_nobody({"send", "--project", project, "--receiver", "bb", "--event", "diagnostics:ping"});
  run_as_nobody({"check", "--project", project});
  shown.run({"receivers", "--kubeconfig", kubeconfig.path(), "--context", "nonsense"});
  shown.check("forbidden.txt");
}

}  // namespace receiver::test
