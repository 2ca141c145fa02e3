#include <filesystem>
#include <fstream>
#include <regex>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "bitbucket_server.h"
#include "cluster.h"
#include "delivery.h"
#include "eventually.h"
#include "operator.h"
#include "project.h"

using namespace receiver::integration;
using receiver::bitbucket::Source;
using receiver::testing::BitbucketServer;
using receiver::testing::Grant;
using receiver::testing::StoredWebhook;

namespace {

constexpr const char* kNewSecret = "another-secret-of-the-tests-of-registering";
constexpr const char* kApiToken = "token-of-the-tests-of-registering";
/// As wide as a project's name of one run, so that columns stand where they stand.
constexpr const char* kShownProject = "project-of-the-test";
constexpr const char* kHooksBaseUrl = "https://hooks.example.com/kargo";

/// An operator, a project with one published receiver, and a Bitbucket.
class RegisterStage {
 public:
  explicit RegisterStage(Source product)
      : bitbucket(product),
        op(cluster, {{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", kHooksBaseUrl}}),
        project(cluster),
        path("/kargo" + project.publish("bb", kSecret)) {
    bitbucket.accept(std::string("Bearer ") + kApiToken);
  }

  /// What receiverctl prints, and its exit code, with the names and numbers of this run replaced.
  [[nodiscard]] Finished run_register(std::vector<std::string> arguments,
                                      Environment environment = {
                                          {"BITBUCKET_TOKEN", kApiToken}}) const {
    std::vector<std::string> words{RECEIVERCTL_BINARY, "register", "--kubeconfig",
                                   cluster.directory() + "/kubeconfig.admin"};
    for (const char* common : {"--receiver", "bb", "--ca-file"}) words.emplace_back(common);
    words.push_back(bitbucket.ca_file());
    for (std::string& argument : arguments) words.push_back(std::move(argument));
    Finished finished = run(std::move(words), environment);
    CHECK_THAT(finished.output, !Catch::Contains(kSecret) && !Catch::Contains(kNewSecret) &&
                                    !Catch::Contains(kApiToken));
    replace(finished.output, bitbucket.url(), "https://BITBUCKET");
    replace(finished.output, project.name(), kShownProject);
    finished.output = std::regex_replace(finished.output, std::regex("/[0-9a-f]{8}…"), "/HEX…");
    finished.output =
        std::regex_replace(finished.output, std::regex("localhost:[0-9]+"), "BITBUCKET");
    return finished;
  }
  [[nodiscard]] Finished run_all(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"--project", project.name(), "--all-subscribed"};
    const bool of_cloud = bitbucket.product() == Source::kCloud;
    arguments.insert(arguments.end(),
                     {of_cloud ? "--cloud-url" : "--bitbucket-url", bitbucket.url()});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_register(std::move(arguments));
  }

  /// A repository that a Warehouse of the project subscribes to.
  std::string subscribe(const std::string& slug, std::vector<StoredWebhook> webhooks = {}) {
    const bool of_cloud = bitbucket.product() == Source::kCloud;
    const std::string name = of_cloud ? project.name() + "/" + slug : "SHOP/" + slug;
    bitbucket.add_repository(name, std::move(webhooks));
    project.add_warehouse(slug, clone_url(slug));
    return name;
  }
  [[nodiscard]] std::string clone_url(const std::string& slug) const {
    return bitbucket.product() == Source::kCloud ? project.repository(slug)
                                                 : bitbucket.url() + "/scm/shop/" + slug + ".git";
  }
  void rotate(const std::string& secret,
              const std::map<std::string, std::string>& more = {}) const {
    std::map<std::string, std::string> values{{"secret", secret}};
    values.insert(more.begin(), more.end());
    project.put_secret("bb-secret", values);
    const std::string url = kHooksBaseUrl + receiver_path(project.name(), "bb", secret);
    eventually_equals(
        "the new URL is published", [&] { return published_url(project.config(), "bb"); }, url);
  }

  Cluster cluster;
  BitbucketServer bitbucket;
  Operator op;
  Project project;
  std::string path;

 private:
  static void replace(std::string& text, const std::string& what, const std::string& with) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
      text.replace(at, what.size(), with);
    }
  }
};

/// Kargo's Stages, of which the operator knows nothing, are none of the kinds in config/crd.
void serve_stages(const Api& api) {
  const std::string kinds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const std::string name = "stages.kargo.akuity.io";
  if (!api.find(kinds + "/" + name)) {
    (void)api.create(kinds, R"({"apiVersion": "apiextensions.k8s.io/v1",
      "kind": "CustomResourceDefinition", "metadata": {"name": ")" +
                                name + R"("},
      "spec": {"group": "kargo.akuity.io", "scope": "Namespaced",
        "names": {"kind": "Stage", "listKind": "StageList", "plural": "stages", "singular": "stage"},
        "versions": [{"name": "v1alpha1", "served": true, "storage": true, "schema":
          {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})");
  }
  // At first answered 429, which is thrown.
  eventually("Stages are served", [&] {
    try {
      return api.find("/apis/kargo.akuity.io/v1alpha1/stages").has_value();
    } catch (const std::exception&) {
      return false;
    }
  });
}

std::string told(const Finished& finished) {
  return std::to_string(finished.exit_code) + "\n" + finished.output;
}

}  // namespace

TEST_CASE("register makes the webhooks of every subscribed Cloud repository, once", "[register]") {
  RegisterStage stage(Source::kCloud);
  const std::string app = stage.subscribe("app");
  const std::string web = stage.subscribe("web");
  stage.project.add_warehouse("elsewhere", "https://github.com/example/shop");

  CHECK(told(stage.run_all({"--dry-run"})) == R"(0
skipped: https://github.com/example/shop is not known to be on this Bitbucket
REPOSITORY                WEBHOOK        DIFFERENCE
project-of-the-test/app   would create   title: Kargo project-of-the-test/bb
                                         url: https://hooks.example.com/kargo/bitbucket/HEX…
                                         events: repo:push
                                         active: yes
                                         secret: set
project-of-the-test/web   would create   title: Kargo project-of-the-test/bb
                                         url: https://hooks.example.com/kargo/bitbucket/HEX…
                                         events: repo:push
                                         active: yes
                                         secret: set
)");
  CHECK(stage.bitbucket.writes() == 0);

  // A repository that already has others' webhooks, on several pages.
  stage.bitbucket.set_page_length(1);
  stage.bitbucket.add_repository(
      web, {{.title = "CI", .url = "https://ci.example.com/hook", .events = {"repo:push"}},
            {.title = "Chat", .url = "https://chat.example.com/hook", .events = {"repo:push"}}});
  const std::string created = R"(0
skipped: https://github.com/example/shop is not known to be on this Bitbucket
REPOSITORY                WEBHOOK   DIFFERENCE
project-of-the-test/app   created   title: Kargo project-of-the-test/bb
                                    url: https://hooks.example.com/kargo/bitbucket/HEX…
                                    events: repo:push
                                    active: yes
                                    secret: set
project-of-the-test/web   created   title: Kargo project-of-the-test/bb
                                    url: https://hooks.example.com/kargo/bitbucket/HEX…
                                    events: repo:push
                                    active: yes
                                    secret: set
)";
  CHECK(told(stage.run_all()) == created);
  CHECK(stage.bitbucket.writes() == 2);
  REQUIRE(stage.bitbucket.webhooks(app).size() == 1);
  REQUIRE(stage.bitbucket.webhooks(web).size() == 3);

  CHECK(told(stage.run_all()) == R"(0
skipped: https://github.com/example/shop is not known to be on this Bitbucket
REPOSITORY                WEBHOOK     DIFFERENCE
project-of-the-test/app   unchanged
project-of-the-test/web   unchanged
)");
  CHECK(stage.bitbucket.writes() == 2);

  // What Bitbucket now holds is what the operator takes.
  const StoredWebhook webhook = stage.bitbucket.webhooks(app)[0];
  CHECK(webhook.url == std::string("https://hooks.example.com") + stage.path);
  const Delivery push = sign(cloud_push(stage.clone_url("app"), "main"), webhook.secret);
  eventually_equals(
      "a push is delivered", [&] { return text_of(post(stage.op.url(stage.path), push)); },
      kRefreshed);
}

TEST_CASE("register sends its token to no Data Center that only a Warehouse names", "[register]") {
  RegisterStage stage(Source::kDataCenter);
  stage.subscribe("web");
  const std::vector<std::string> all{"--project", stage.project.name(), "--all-subscribed"};
  CHECK_THAT(told(stage.run_register(all)),
             Catch::StartsWith("2\n") && Catch::Contains("a Data Center at localhost, and"));
  CHECK(stage.bitbucket.requests().empty());
  // Whoever names the repository names its server.
  const std::vector<std::string> one{"--project", stage.project.name(), "--repo",
                                     stage.clone_url("web")};
  CHECK(stage.run_register(one).exit_code == 0);
}

TEST_CASE("register makes the webhooks of a Data Center that is named", "[register]") {
  RegisterStage stage(Source::kDataCenter);
  const std::string web = stage.subscribe("web");
  CHECK(told(stage.run_all({"-o", "json"})) == R"(0
{
  "dryRun": false,
  "repositories": [
    {
      "server": "https://BITBUCKET",
      "repository": "SHOP/web",
      "result": "created",
      "differences": [
        {
          "field": "title",
          "from": "",
          "to": "Kargo project-of-the-test/bb"
        },
        {
          "field": "url",
          "from": "",
          "to": "https://hooks.example.com/kargo/bitbucket/HEX…"
        },
        {
          "field": "events",
          "from": "",
          "to": "repo:refs_changed"
        },
        {
          "field": "active",
          "from": "",
          "to": "yes"
        },
        {
          "field": "secret",
          "from": "",
          "to": "set"
        }
      ],
      "notes": [],
      "error": ""
    }
  ],
  "skipped": []
}
)");
  CHECK(told(stage.run_all({"--dry-run", "-o", "json"})) == R"(0
{
  "dryRun": true,
  "repositories": [
    {
      "server": "https://BITBUCKET",
      "repository": "SHOP/web",
      "result": "unchanged",
      "differences": [],
      "notes": [],
      "error": ""
    }
  ],
  "skipped": []
}
)");
  const StoredWebhook webhook = stage.bitbucket.webhooks(web).at(0);
  const Delivery push =
      sign(data_center_push({stage.clone_url("web")}, "refs/heads/main"), webhook.secret);
  eventually_equals(
      "a push is delivered", [&] { return text_of(post(stage.op.url(stage.path), push)); },
      kRefreshed);
}

TEST_CASE("register takes a rotated secret to the webhook that there is", "[register]") {
  const Source product = GENERATE(Source::kCloud, Source::kDataCenter);
  RegisterStage stage(product);
  const std::string repository = stage.subscribe("app");
  REQUIRE(stage.run_all().exit_code == 0);

  stage.rotate(kNewSecret);
  const std::string name =
      product == Source::kCloud ? std::string(kShownProject) + "/app" : "SHOP/app  ";
  const std::string indent(name.size() - std::string("REPOSITORY").size(), ' ');
  // Cloud does not show the secret that it has.
  const std::string secret = product == Source::kCloud ? "changed, as the URL" : "changed";
  CHECK(told(stage.run_all()) ==
        "0\nREPOSITORY   " + indent + "WEBHOOK   DIFFERENCE\n" + name +
            "   updated   url: https://hooks.example.com/kargo/bitbucket/HEX… → "
            "https://hooks.example.com/kargo/bitbucket/HEX…\n" +
            indent + std::string(23, ' ') + "secret: " + secret + "\n");
  const auto webhooks = stage.bitbucket.webhooks(repository);
  REQUIRE(webhooks.size() == 1);
  CHECK(webhooks[0].secret == kNewSecret);
  CHECK(webhooks[0].url == kHooksBaseUrl + receiver_path(stage.project.name(), "bb", kNewSecret));
}

TEST_CASE("register knows a webhook that was made by hand by the former secret's URL",
          "[register]") {
  RegisterStage stage(Source::kCloud);
  const std::string old_url = kHooksBaseUrl + receiver_path(stage.project.name(), "bb", kSecret);
  const std::string repository = stage.subscribe("app", {{.title = "by hand",
                                                          .url = old_url,
                                                          .events = {"repo:push", "repo:fork"},
                                                          .active = false,
                                                          .secret = kSecret}});
  stage.rotate(kNewSecret, {{"secret.previous", kSecret}});
  CHECK(told(stage.run_all({"--pull-requests"})) == R"(0
REPOSITORY                WEBHOOK   DIFFERENCE
project-of-the-test/app   updated   title: by hand → Kargo project-of-the-test/bb
                                    url: https://hooks.example.com/kargo/bitbucket/HEX… → https://hooks.example.com/kargo/bitbucket/HEX…
                                    events: repo:fork, repo:push → pullrequest:fulfilled, pullrequest:rejected, repo:push
                                    active: no → yes
                                    secret: changed, as the URL
)");
  REQUIRE(stage.bitbucket.webhooks(repository).size() == 1);
  CHECK(stage.bitbucket.webhooks(repository)[0].secret == kNewSecret);
}

TEST_CASE("register asks for pull requests where a promotion waits for one", "[register]") {
  RegisterStage stage(Source::kDataCenter);
  const std::string repository = stage.subscribe("app");
  stage.project.add_promotion("waiting",
                              stage.bitbucket.url() + "/projects/SHOP/repos/app/pull-requests/7");
  REQUIRE(stage.run_all().exit_code == 0);
  CHECK(stage.bitbucket.webhooks(repository).at(0).events ==
        std::vector<std::string>{"repo:refs_changed", "pr:merged", "pr:declined", "pr:deleted"});
}

TEST_CASE("register asks for pull requests where a Stage's promotions will wait for one",
          "[register]") {
  RegisterStage stage(Source::kDataCenter);
  serve_stages(stage.cluster.admin());
  const std::string repository = stage.subscribe("app");
  const auto add_stage = [&](const std::string& name, const std::string& step) {
    (void)stage.cluster.admin().create(
        stage.project.collection("stages"),
        fmt::format(R"({{"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Stage",
          "metadata": {{"name": "{}"}},
          "spec": {{"promotionTemplate": {{"spec": {{"steps": [{{"uses": "git-clone"}},
            {{"uses": "{}"}}]}}}}}}}})",
                    name, step));
  };
  add_stage("direct", "git-push");
  REQUIRE(stage.run_all().exit_code == 0);
  CHECK(stage.bitbucket.webhooks(repository).at(0).events ==
        std::vector<std::string>{"repo:refs_changed"});
  add_stage("reviewed", "git-wait-for-pr");
  REQUIRE(stage.run_all().exit_code == 0);
  CHECK(stage.bitbucket.webhooks(repository).at(0).events ==
        std::vector<std::string>{"repo:refs_changed", "pr:merged", "pr:declined", "pr:deleted"});
}

TEST_CASE("register sets the secret again on demand, and shows URLs on demand", "[register]") {
  RegisterStage stage(Source::kCloud);
  const std::string repository = stage.subscribe("app");
  REQUIRE(stage.run_all().exit_code == 0);
  // Somebody has set another one by hand, which Cloud does not show.
  StoredWebhook changed = stage.bitbucket.webhooks(repository).at(0);
  changed.secret = "by hand";
  stage.bitbucket.add_repository(repository, {changed});
  CHECK(stage.run_all().exit_code == 0);
  CHECK(stage.bitbucket.webhooks(repository).at(0).secret == "by hand");
  CHECK(told(stage.run_all({"--force"})) == R"(0
REPOSITORY                WEBHOOK   DIFFERENCE
project-of-the-test/app   updated   secret: set again
)");
  CHECK(stage.bitbucket.webhooks(repository).at(0).secret == kSecret);
  stage.bitbucket.add_repository(repository);
  const Finished shown = stage.run_all({"--show-urls", "--dry-run"});
  CHECK_THAT(shown.output, Catch::Contains("https://hooks.example.com" + stage.path));
}

TEST_CASE("register says what is wrong with each repository, and does the others", "[register]") {
  RegisterStage stage(Source::kCloud);
  stage.subscribe("app");
  const std::string name = stage.project.name();
  const std::vector<std::string> cloud{"--project", name, "--cloud-url", stage.bitbucket.url()};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), cloud.begin(), cloud.end());
    return more;
  };
  const std::string missing = "https://bitbucket.org/" + name + "/aa";
  CHECK(told(stage.run_register(with({"--repo", missing, "--repo", stage.clone_url("app")}))) ==
        R"(1
REPOSITORY                WEBHOOK   DIFFERENCE
project-of-the-test/aa    failed    Bitbucket answered 404 (You may not have access to this repository or it no longer exists in this workspace.): no repository project-of-the-test/aa that the token may see: is it spelt right, and does the token belong to its workspace?
project-of-the-test/app   created   title: Kargo project-of-the-test/bb
                                    url: https://hooks.example.com/kargo/bitbucket/HEX…
                                    events: repo:push
                                    active: yes
                                    secret: set
)");
  // Wrong log-ins are not repeated.
  const std::size_t before = stage.bitbucket.requests().size();
  CHECK(told(stage.run_register(with({"--repo", missing, "--repo", stage.clone_url("app")}),
                                {{"BITBUCKET_TOKEN", "stale"}})) == R"(1
REPOSITORY                WEBHOOK   DIFFERENCE
project-of-the-test/aa    failed    Bitbucket answered 401 (Token is invalid, expired, or not supported for this endpoint.): the token is wrong or has expired; an API token of an account needs the account's e-mail address with --username, an access token of a repository, project or workspace must be given without
project-of-the-test/app   failed    not tried
)");
  CHECK(stage.bitbucket.requests().size() == before + 1);

  stage.bitbucket.accept(std::string("Bearer ") + kApiToken, Grant::kReadOnly);
  CHECK(told(stage.run_all()) == R"(1
REPOSITORY                WEBHOOK   DIFFERENCE
project-of-the-test/app   failed    Bitbucket answered 403 (Your credentials lack one or more required privilege scopes.): the token needs the scopes read:webhook:bitbucket, write:webhook:bitbucket, read:repository:bitbucket and read:pullrequest:bitbucket (an access token: webhooks read and write, repositories read, pull requests read), and its account must be an administrator of the repository
)");
}

TEST_CASE("register waits as Bitbucket asks", "[register]") {
  const Source product = GENERATE(Source::kCloud, Source::kDataCenter);
  RegisterStage stage(product);
  const std::string repository = stage.subscribe("app");
  stage.bitbucket.answer_next({{.status = 429, .retry_after = "1"}});
  const auto begun = std::chrono::steady_clock::now();
  const Finished finished = stage.run_all();
  CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::seconds(1));
  CHECK(finished.exit_code == 0);
  CHECK_THAT(finished.output,
             Catch::StartsWith("Bitbucket limits requests (429): waiting 1 s\nREPOSITORY"));
  CHECK(stage.bitbucket.webhooks(repository).size() == 1);

  stage.bitbucket.answer_next({{.status = 429, .retry_after = "3600"}});
  const Finished refused = stage.run_all();
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.output, Catch::Contains("too many requests; try again in 3600 s"));
}

TEST_CASE("register takes its token from a file, and an account's with its user", "[register]") {
  RegisterStage stage(Source::kCloud);
  const std::string repository = stage.subscribe("app");
  const std::string file = "/tmp/" + stage.project.name() + ".token";
  std::ofstream(file) << "token\n";
  stage.bitbucket.accept("Basic bWVAZXhhbXBsZS5jb206dG9rZW4=");
  const Finished finished = stage.run_register(
      {"--project", stage.project.name(), "--repo", stage.clone_url("app"), "--cloud-url",
       stage.bitbucket.url(), "--token-file", file, "--username", "me@example.com"});
  std::filesystem::remove(file);
  CHECK(finished.exit_code == 0);
  CHECK(stage.bitbucket.webhooks(repository).size() == 1);
}

TEST_CASE("register refuses what cannot be right before it asks anybody", "[register]") {
  const RegisterStage stage(Source::kCloud);
  const std::string name = stage.project.name();
  const auto refused = [&](std::vector<std::string> arguments,
                           Environment environment = {{"BITBUCKET_TOKEN", kApiToken}}) {
    return told(stage.run_register(std::move(arguments), std::move(environment)));
  };
  CHECK_THAT(refused({"--project", name}),
             Catch::StartsWith("2\n") && Catch::Contains("--repo or --all-subscribed"));
  CHECK_THAT(refused({"--project", name, "--repo", stage.clone_url("app"), "--all-subscribed"}),
             Catch::StartsWith("2\n") && Catch::Contains("excludes"));
  CHECK_THAT(refused({"--project", name, "--repo", "https://example.com/shop"}),
             Catch::StartsWith("2\n") && Catch::Contains("is no URL of a Bitbucket repository"));
  CHECK_THAT(refused({"--project", name, "--repo", "http://localhost:7990/scm/shop/app.git"}),
             Catch::StartsWith("2\n") && Catch::Contains("over https only"));
  CHECK_THAT(refused({"--project", name, "--repo", stage.clone_url("app"), "--repo",
                      "https://example.com/scm/shop/app.git"}),
             Catch::StartsWith("2\n") && Catch::Contains("a token belongs to one"));
  CHECK_THAT(refused({"--project", name, "--repo", stage.clone_url("app")}, {}),
             Catch::StartsWith("2\n") && Catch::Contains("BITBUCKET_TOKEN"));
  CHECK_THAT(refused({"--project", name, "--repo", stage.clone_url("app")},
                     {{"BITBUCKET_TOKEN", "two words"}}),
             Catch::StartsWith("2\n") && Catch::Contains("the token holds spaces"));
  CHECK_THAT(refused({"--project", "missing", "--repo", stage.clone_url("app")}),
             Catch::StartsWith("3\n") && Catch::Contains("does not exist"));
  CHECK(stage.bitbucket.requests().empty());
}
