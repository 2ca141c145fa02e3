#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "bitbucket_server.h"
#include "cluster.h"
#include "connect_proxy.h"
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

struct KargoKind {
  const char* kind;
  const char* plural;
  bool namespaced;
};
/// Kargo's kinds of which the operator knows nothing, and which are none of those in config/crd.
constexpr KargoKind kStage{"Stage", "stages", true};
constexpr KargoKind kPromotionTask{"PromotionTask", "promotiontasks", true};
constexpr KargoKind kClusterPromotionTask{"ClusterPromotionTask", "clusterpromotiontasks", false};

constexpr const char* kKinds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

std::string crd_path(const KargoKind& kind) {
  return fmt::format("{}/{}.kargo.akuity.io", kKinds, kind.plural);
}

void serve(const Api& api, const KargoKind& kind) {
  const std::string path = crd_path(kind);
  if (!api.find(path)) {
    (void)api.create(
        kKinds, fmt::format(R"({{"apiVersion": "apiextensions.k8s.io/v1",
      "kind": "CustomResourceDefinition", "metadata": {{"name": "{}"}},
      "spec": {{"group": "kargo.akuity.io", "scope": "{}",
        "names": {{"kind": "{}", "listKind": "{}List", "plural": "{}", "singular": "{}"}},
        "versions": [{{"name": "v1alpha1", "served": true, "storage": true, "schema":
          {{"openAPIV3Schema": {{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}}]}}}})",
                            path.substr(path.rfind('/') + 1),
                            kind.namespaced ? "Namespaced" : "Cluster", kind.kind, kind.kind,
                            kind.plural, std::string(kind.plural, std::strlen(kind.plural) - 1)));
  }
  // At first answered 429, which is thrown.
  eventually("the kind is served", [&] {
    try {
      return api.find(fmt::format("/apis/kargo.akuity.io/v1alpha1/{}", kind.plural)).has_value();
    } catch (const std::exception&) {
      return false;
    }
  });
}

/// An operator, a project with one published receiver, and a Bitbucket.
class RegisterStage {
 public:
  explicit RegisterStage(Source product)
      : bitbucket(product),
        op(cluster, {{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", kHooksBaseUrl}}),
        project(cluster),
        path("/kargo" + project.publish("bb", kSecret)) {
    bitbucket.accept(std::string("Bearer ") + kApiToken);
    serve(cluster.admin(), kStage);
  }

  /// What receiverctl prints, and its exit code, with the names and numbers of this run replaced.
  [[nodiscard]] Finished run_register(std::vector<std::string> arguments,
                                      Environment environment = {
                                          {"BITBUCKET_TOKEN", kApiToken}}) const {
    std::vector<std::string> words{RECEIVERCTL_BINARY, "register",
                                   "--kubeconfig",     cluster.directory() + "/kubeconfig.admin",
                                   "--receiver",       "bb"};
    if (std::ranges::find(arguments, "--ca-file") == arguments.end()) {
      words.insert(words.end(), {"--ca-file", bitbucket.ca_file()});
    }
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

void forget(const Api& api, const KargoKind& kind) {
  const std::string path = crd_path(kind);
  if (api.find(path)) api.remove(path);
  eventually("the kind is gone", [&] { return !api.find(path); });
}

/// An object of it whose steps, at their place in the spec, are these.
void create(const RegisterStage& stage, const KargoKind& kind, const std::string& name,
            const std::string& steps) {
  const bool of_stage = kind.kind == std::string_view(kStage.kind);
  std::string spec = R"({"steps": )" + steps + "}";
  if (of_stage) spec = R"({"promotionTemplate": {"spec": )" + spec + "}}";
  (void)stage.cluster.admin().create(
      kind.namespaced ? stage.project.collection(kind.plural)
                      : fmt::format("/apis/kargo.akuity.io/v1alpha1/{}", kind.plural),
      fmt::format(R"({{"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "{}",
        "metadata": {{"name": "{}"}}, "spec": {}}})",
                  kind.kind, name, spec));
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
  "skipped": [],
  "notAllowed": [],
  "notes": []
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
  "skipped": [],
  "notAllowed": [],
  "notes": []
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
  const std::string repository = stage.subscribe("app");
  const std::vector<std::string> pushes{"repo:refs_changed"};
  const std::vector<std::string> all{"repo:refs_changed", "pr:merged", "pr:declined", "pr:deleted"};
  const auto events = [&] { return stage.bitbucket.webhooks(repository).at(0).events; };
  create(stage, kStage, "direct", R"([{"uses": "git-clone"}, {"uses": "git-push"}])");
  REQUIRE(stage.run_all().exit_code == 0);
  CHECK(events() == pushes);
  create(stage, kStage, "reviewed", R"([{"uses": "git-clone"}, {"uses": "git-wait-for-pr"}])");
  REQUIRE(stage.run_all().exit_code == 0);
  CHECK(events() == all);
}

TEST_CASE("register asks for pull requests where a task that a Stage uses waits for one",
          "[register]") {
  RegisterStage stage(Source::kDataCenter);
  const Api& api = stage.cluster.admin();
  forget(api, kClusterPromotionTask);
  serve(api, kPromotionTask);
  const std::string repository = stage.subscribe("app");
  const std::string waits = R"([{"uses": "git-open-pr"}, {"uses": "git-wait-for-pr"}])";
  const auto asks_for_pull_requests = [&] {
    stage.bitbucket.add_repository(repository);
    REQUIRE(stage.run_all().exit_code == 0);
    return stage.bitbucket.webhooks(repository).at(0).events.size() > 1;
  };
  // A task that no Stage uses does not count; one of the cluster's is another than a project's.
  create(stage, kPromotionTask, "review", waits);
  create(stage, kPromotionTask, "push", R"([{"uses": "git-push"}])");
  create(stage, kStage, "one", R"([{"task": {"name": "push"}}])");
  CHECK_FALSE(asks_for_pull_requests());
  create(stage, kStage, "two", R"([{"task": {"name": "review", "kind": "ClusterPromotionTask"}}])");
  CHECK_FALSE(asks_for_pull_requests());
  CHECK_THAT(stage.run_all().output,
             Catch::Contains("note: clusterpromotiontasks cannot be listed (not served): if a step "
                             "of theirs waits for pull requests, give --pull-requests\n"));
  serve(api, kClusterPromotionTask);
  CHECK_THAT(stage.run_all().output, !Catch::Contains("note: "));

  SECTION("of the project") {
    create(stage, kStage, "three", R"([{"task": {"name": "review"}}])");
  }
  SECTION("of the cluster") {
    const std::string name = stage.project.name() + "-review";
    create(stage, kClusterPromotionTask, name, waits);
    create(stage, kStage, "three",
           fmt::format(R"([{{"task": {{"name": "{}", "kind": "ClusterPromotionTask"}}}}])", name));
  }
  CHECK(asks_for_pull_requests());
}

TEST_CASE("a ClusterConfig's receiver is registered everywhere only by who has seen where",
          "[register]") {
  RegisterStage stage(Source::kCloud);
  const std::string app = stage.subscribe("app");
  const std::string web = stage.subscribe("web");
  const std::string name = unique_name();
  put_secret(stage.cluster.admin(), kSystemNamespace, name, {{"secret", kSecret}});
  const ClusterConfig config(stage.cluster, "bb", name);
  eventually("its URL is published", [&] { return !published_url(config.get(), "bb").empty(); });
  const auto run_all = [&](std::vector<std::string> more) {
    more.insert(more.begin(),
                {"--cluster-config", "--all-subscribed", "--cloud-url", stage.bitbucket.url()});
    return stage.run_register(std::move(more));
  };

  const Finished asked = run_all({});
  CHECK(asked.exit_code == 2);
  CHECK_THAT(asked.output,
             Catch::Contains("would register: project-of-the-test/app\n") &&
                 Catch::Contains("would register: project-of-the-test/web\n") &&
                 Catch::Contains("run it again with --yes; the key bitbucket.allow of Secret " +
                                 std::string(kSystemNamespace) + "/" + name));
  CHECK(stage.bitbucket.requests().empty());
  CHECK(run_all({"--dry-run"}).exit_code == 0);
  CHECK(stage.bitbucket.writes() == 0);

  put_secret(stage.cluster.admin(), kSystemNamespace, name,
             {{"secret", kSecret}, {"bitbucket.allow", "# ours\n" + app + "\n"}});
  CHECK_THAT(run_all({}).output, Catch::Contains("would register: project-of-the-test/app\n") &&
                                     !Catch::Contains("would register: project-of-the-test/web"));
  const Finished done = run_all({"--yes"});
  INFO(done.output);
  CHECK(done.exit_code == 0);
  CHECK_THAT(done.output,
             Catch::Contains("not touched: project-of-the-test/web is outside of the Secret's "
                             "bitbucket.allow\n"));
  CHECK(stage.bitbucket.webhooks(app).size() == 1);
  CHECK(stage.bitbucket.webhooks(web).empty());
}

TEST_CASE("bitbucket.allow of a project's Secret bounds register, whoever names the repository",
          "[register]") {
  RegisterStage stage(Source::kDataCenter);
  const std::string web = stage.subscribe("web");
  stage.bitbucket.add_repository("LOOT/web");
  const std::vector<std::string> loot{"--project", stage.project.name(),
                                      "--repo",    stage.bitbucket.url() + "/scm/loot/web.git",
                                      "-o",        "json"};
  stage.project.put_secret("bb-secret", {{"secret", kSecret}, {"bitbucket.allow", "SHOP\n"}});
  const Finished refused = stage.run_register(loot);
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.output, Catch::Contains("\"notAllowed\": [\n    \"LOOT/web\"\n  ]"));
  CHECK(stage.bitbucket.requests().empty());
  CHECK(stage.run_all().exit_code == 0);
  CHECK(stage.bitbucket.webhooks(web).size() == 1);
  CHECK(stage.bitbucket.webhooks("LOOT/web").empty());

  stage.project.put_secret("bb-secret", {{"secret", kSecret}, {"bitbucket.allow", "SHOP, LOOT"}});
  CHECK_THAT(told(stage.run_register(loot)),
             Catch::StartsWith("3\n") && Catch::Contains("bitbucket.allow, line 1: expected"));
}

TEST_CASE("register sends the token to the Bitbucket that is named, and to no other",
          "[register]") {
  RegisterStage stage(Source::kDataCenter);
  stage.subscribe("web");
  const auto refused = [&](const std::string& option, const std::string& server,
                           const std::string& repository) {
    return told(stage.run_register(
        {"--project", stage.project.name(), option, server, "--repo", repository}));
  };
  for (const std::string& outcome :
       {refused("--bitbucket-url", stage.bitbucket.url(), "https://bitbucket.org/acme/shop"),
        refused("--bitbucket-url", stage.bitbucket.url(), "https://dc2.example.com/scm/shop/web"),
        refused("--cloud-url", stage.bitbucket.url(), stage.clone_url("web"))}) {
    CHECK_THAT(outcome,
               Catch::StartsWith("2\n") && Catch::Contains("and the token is sent to no other"));
  }
  CHECK(stage.bitbucket.requests().empty());
}

TEST_CASE("register says where a renamed repository is now", "[register]") {
  RegisterStage stage(Source::kCloud);
  BitbucketServer& bitbucket = stage.bitbucket;
  bitbucket.answer_next(
      {{.status = 301, .location = "/2.0/repositories/acme/new-name/hooks?pagelen=100"}});
  CHECK_THAT(
      told(stage.run_register({"--project", stage.project.name(), "--cloud-url", bitbucket.url(),
                               "--repo", "https://bitbucket.org/acme/old"})),
      Catch::StartsWith("1\n") &&
          Catch::Contains("the repository has moved to acme/new-name, and redirects are "
                          "not followed: correct the repoURL of the Warehouses"));
  CHECK(bitbucket.requests().size() == 1);
}

TEST_CASE("register asks Bitbucket through HTTPS_PROXY, unless NO_PROXY exempts it", "[register]") {
  const RegisterStage stage(Source::kCloud);
  const std::string host = "bitbucket.test";  // that nobody but the proxy resolves
  BitbucketServer hidden(Source::kCloud, {.common_name = host, .alternative_names = "DNS:" + host},
                         host);
  hidden.accept(std::string("Bearer ") + kApiToken);
  hidden.add_repository("acme/shop");
  const receiver::testing::ConnectProxy proxy(hidden.port());
  const auto run_through = [&](const Environment& more) {
    Environment environment{{"BITBUCKET_TOKEN", kApiToken},
                            {"HTTPS_PROXY", "http://" + proxy.address()}};
    for (const auto& [name, value] : more) environment[name] = value;
    return stage.run_register(
        {"--project", stage.project.name(), "--cloud-url", hidden.url(), "--repo",
         "https://bitbucket.org/acme/shop", "--ca-file", hidden.ca_file()},
        environment);
  };
  const Finished registered = run_through({});
  INFO(registered.output);
  CHECK(registered.exit_code == 0);
  CHECK(hidden.webhooks("acme/shop").size() == 1);
  // The list and the write; the API server is asked without it.
  CHECK(proxy.connects() ==
        std::vector<std::string>(2, host + ":" + std::to_string(hidden.port())));
  CHECK(run_through({{"NO_PROXY", ".test"}}).exit_code == 1);
  CHECK(proxy.connects().size() == 2);
  CHECK_THAT(told(run_through({{"HTTPS_PROXY", "socks5://me:pass-word@proxy"}})),
             Catch::StartsWith("2\n") && Catch::Contains("HTTPS_PROXY names no proxy") &&
                 !Catch::Contains("pass-word"));
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
  CHECK_THAT(refused({"--project", "", "--all-subscribed"}),
             Catch::StartsWith("2\n") && Catch::Contains("must not be empty"));
  CHECK_THAT(refused({"--all-subscribed"}),
             Catch::StartsWith("2\n") && Catch::Contains("--project or --cluster-config"));
  CHECK_THAT(refused({"--project", name, "--repo", stage.clone_url("app"), "--ca-file",
                      "/nowhere/ca.crt"}),
             Catch::StartsWith("3\n") &&
                 Catch::Contains("cannot read /nowhere/ca.crt: No such file or directory"));
  CHECK_THAT(
      refused({"--project", name, "--repo", stage.clone_url("app"), "--ca-file", "/dev/null"}),
      Catch::StartsWith("3\n") && Catch::Contains("/dev/null is empty"));
  CHECK_THAT(
      refused({"--project", name, "--repo", stage.clone_url("app"), "--ca-file", "/proc/version"}),
      Catch::StartsWith("3\n") && Catch::Contains("/proc/version holds no PEM certificate"));
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
