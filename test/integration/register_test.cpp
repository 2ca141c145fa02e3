#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "test/integration/register_stage.h"

namespace receiver::test {

TEST_CASE("register makes the webhooks of every subscribed Cloud repository, once", "[register]") {
  RegisterStage stage(Source::kCloud);
  const std::string app = stage.subscribe("app");
  const std::string web = stage.subscribe("web");
  stage.project.add_warehouse("elsewhere", "https://github.com/example/shop");

  CHECK(told(stage.run_all({"--dry-run"})) == R"(0
skipped: https://github.com/example/shop: not known to be on this Bitbucket
REPOSITORY                WEBHOOK        DIFFERENCE
project-of-the-test/app   would create   title: Kargo project-of-the-test/bb [HASH/bb]
                                         url: https://hooks.example.com/kargo/bitbucket/HEX…
                                         events: repo:push
                                         active: yes
                                         secret: set
project-of-the-test/web   would create   title: Kargo project-of-the-test/bb [HASH/bb]
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
skipped: https://github.com/example/shop: not known to be on this Bitbucket
REPOSITORY                WEBHOOK   DIFFERENCE
project-of-the-test/app   created   title: Kargo project-of-the-test/bb [HASH/bb]
                                    url: https://hooks.example.com/kargo/bitbucket/HEX…
                                    events: repo:push
                                    active: yes
                                    secret: set
project-of-the-test/web   created   title: Kargo project-of-the-test/bb [HASH/bb]
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
skipped: https://github.com/example/shop: not known to be on this Bitbucket
REPOSITORY                WEBHOOK     DIFFERENCE
project-of-the-test/app   unchanged
project-of-the-test/web   unchanged
)");
  CHECK(stage.bitbucket.writes() == 2);

  // The operator accepts deliveries of the webhook that Bitbucket has now.
  const StoredWebhook webhook = stage.bitbucket.webhooks(app)[0];
  CHECK(webhook.url == std::string("https://hooks.example.com") + stage.path);
  const Delivery push = sign(cloud_push(stage.clone_url("app"), "main"), webhook.secret);
  eventually_equals(
      "a push is delivered", [&] { return text_of(post(stage.op.url(stage.path), push)); },
      kRefreshed);
}

TEST_CASE("register makes the webhooks of a Data Center that is named", "[register]") {
  RegisterStage stage(Source::kDataCenter);
  const std::string web = stage.subscribe("web");
  CHECK(told(stage.run_all({"-o", "json"})) == R"(0
{
  "apiVersion": "receiverctl.bitbucket-receiver/v1",
  "kind": "RegistrationList",
  "dryRun": false,
  "notes": [],
  "items": [
    {
      "server": "https://BITBUCKET",
      "repository": "SHOP/web",
      "action": "create",
      "differences": [
        {
          "field": "title",
          "from": "",
          "to": "Kargo project-of-the-test/bb [HASH/bb]"
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
      "reason": "",
      "notes": [],
      "error": ""
    }
  ]
}
)");
  CHECK(told(stage.run_all({"--dry-run", "-o", "json"})) == R"(0
{
  "apiVersion": "receiverctl.bitbucket-receiver/v1",
  "kind": "RegistrationList",
  "dryRun": true,
  "notes": [],
  "items": [
    {
      "server": "https://BITBUCKET",
      "repository": "SHOP/web",
      "action": "unchanged",
      "differences": [],
      "reason": "",
      "notes": [],
      "error": ""
    }
  ]
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
                                                          .secret = kSecret}});
  stage.rotate(kNewSecret, {{"secret.previous", kSecret}});
  CHECK(told(stage.run_all({"--pull-requests"})) == R"(0
REPOSITORY                WEBHOOK   DIFFERENCE
project-of-the-test/app   updated   title: by hand → by hand [HASH/bb]
                                    url: https://hooks.example.com/kargo/bitbucket/HEX… → https://hooks.example.com/kargo/bitbucket/HEX…
                                    events: repo:fork, repo:push → pullrequest:fulfilled, pullrequest:rejected, repo:fork, repo:push
                                    secret: changed, as the URL
)");
  REQUIRE(stage.bitbucket.webhooks(repository).size() == 1);
  CHECK(stage.bitbucket.webhooks(repository)[0].secret == kNewSecret);
}

TEST_CASE("register leaves another environment's webhook alone, and moves its own on demand",
          "[register]") {
  RegisterStage stage(Source::kCloud);
  const std::string repository = stage.subscribe("app");
  REQUIRE(stage.run_all().exit_code == 0);
  const StoredWebhook own = stage.bitbucket.webhooks(repository).at(0);
  StoredWebhook staging = own;
  staging.url = "https://hooks.example.com/staging" + stage.path;

  // Its mark is from another cluster's ProjectConfig: a second webhook is created.
  StoredWebhook theirs = staging;
  theirs.title = "Kargo " + stage.project.name() + "/bb [0123456789ab/bb]";
  stage.bitbucket.add_repository(repository, {theirs});
  theirs = stage.bitbucket.webhooks(repository).at(0);
  const Finished made = stage.run_all();
  CHECK(made.exit_code == 0);
  CHECK_THAT(made.output, Catch::Contains("created") &&
                              Catch::Contains("has this receiver's title, but leads to "
                                              "https://hooks.example.com/staging/kargo/"));
  REQUIRE(stage.bitbucket.webhooks(repository).size() == 2);
  CHECK(stage.bitbucket.webhooks(repository)[0] == theirs);
  CHECK(stage.bitbucket.webhooks(repository)[1].url == own.url);

  // The same mark: the base URL has changed.
  stage.bitbucket.add_repository(repository, {staging});
  const Finished left = stage.run_all();
  CHECK(left.exit_code == 1);
  CHECK_THAT(left.output,
             Catch::Contains("skipped") && Catch::Contains("--move moves it to https://hooks"));
  CHECK(stage.bitbucket.webhooks(repository).at(0).url == staging.url);
  CHECK(stage.run_all({"--move"}).exit_code == 0);
  REQUIRE(stage.bitbucket.webhooks(repository).size() == 1);
  CHECK(stage.bitbucket.webhooks(repository)[0].url == own.url);
}

TEST_CASE("register leaves a webhook switched off, and says so", "[register]") {
  RegisterStage stage(Source::kDataCenter);
  const std::string repository = stage.subscribe("app");
  REQUIRE(stage.run_all().exit_code == 0);
  StoredWebhook off = stage.bitbucket.webhooks(repository).at(0);
  off.active = false;
  stage.bitbucket.add_repository(repository, {off});
  const std::size_t writes = stage.bitbucket.writes();
  CHECK(told(stage.run_all()) == R"(1
REPOSITORY   WEBHOOK   DIFFERENCE
SHOP/app     skipped   webhook 2 (Kargo project-of-the-test/bb [HASH/bb]) is switched off, and stays off: switch it on in Bitbucket, or delete it
)");
  CHECK(stage.bitbucket.writes() == writes);
}

TEST_CASE("register makes no webhook beside the project's, and asks for those once", "[register]") {
  RegisterStage stage(Source::kDataCenter);
  stage.subscribe("app");
  stage.subscribe("web");
  stage.bitbucket.add_inherited("SHOP", {{.title = "for all",
                                          .url = "https://hooks.example.com" + stage.path,
                                          .events = {"repo:refs_changed"},
                                          .secret = kSecret}});
  CHECK(told(stage.run_all()) == R"(0
REPOSITORY   WEBHOOK     DIFFERENCE
SHOP/app     unchanged
SHOP/web     unchanged
SHOP/app: webhook 1 (for all) of the whole project leads here
SHOP/web: webhook 1 (for all) of the whole project leads here
)");
  CHECK(stage.bitbucket.requests().size() == 3);
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
  // A task that no Stage uses does not count; a ClusterPromotionTask differs from a PromotionTask
  // of the same name.
  create(stage, kPromotionTask, "review", waits);
  create(stage, kPromotionTask, "push", R"([{"uses": "git-push"}])");
  create(stage, kStage, "one", R"([{"task": {"name": "push"}}])");
  CHECK_FALSE(asks_for_pull_requests());
  create(stage, kStage, "two", R"([{"task": {"name": "review", "kind": "ClusterPromotionTask"}}])");
  CHECK_FALSE(asks_for_pull_requests());
  CHECK_THAT(stage.run_all().output,
             Catch::Contains("note: clusterpromotiontasks cannot be listed (not served): if one of "
                             "their steps waits for pull requests, use --pull-requests\n"));
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
project-of-the-test/aa    failed    Bitbucket answered 404 (You may not have access to this repository or it no longer exists in this workspace.): no repository project-of-the-test/aa that the token may see: check its spelling, and that the token belongs to its workspace
project-of-the-test/app   created   title: Kargo project-of-the-test/bb [HASH/bb]
                                    url: https://hooks.example.com/kargo/bitbucket/HEX…
                                    events: repo:push
                                    active: yes
                                    secret: set
)");
  // Wrong log-ins are not repeated.
  const std::size_t before = stage.bitbucket.requests().size();
  CHECK(told(stage.run_register(with({"--repo", missing, "--repo", stage.clone_url("app")}),
                                {{"BITBUCKET_TOKEN", "stale"}})) == R"(1
REPOSITORY                WEBHOOK     DIFFERENCE
project-of-the-test/aa    failed      Bitbucket answered 401 (Token is invalid, expired, or not supported for this endpoint.): the token is wrong or has expired; an API token of an account needs the account's e-mail address with --username, an access token of a repository, project or workspace must be given without
project-of-the-test/app   not tried   Bitbucket rejects the token
)");
  CHECK(stage.bitbucket.requests().size() == before + 1);

  stage.bitbucket.accept(std::string("Bearer ") + kApiToken, Grant::kReadOnly);
  CHECK(told(stage.run_all()) == R"(1
REPOSITORY                WEBHOOK   DIFFERENCE
project-of-the-test/app   failed    Bitbucket answered 403 (Your credentials lack one or more required privilege scopes.): the token needs the scopes read:webhook:bitbucket, write:webhook:bitbucket, delete:webhook:bitbucket (for duplicates), read:repository:bitbucket and read:pullrequest:bitbucket (an access token: webhooks read and write, repositories read, pull requests read), and its account must be an administrator of the repository
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
  CHECK(refused.exit_code == 3);
  CHECK_THAT(refused.output, Catch::Contains("too many requests; try again in 3600 s"));
}

TEST_CASE(
    "register asks again what is answered 5xx, and reports a Bitbucket that stays dead or slow",
    "[register]") {
  RegisterStage stage(Source::kDataCenter);
  const std::string repository = stage.subscribe("app");
  // A write is not sent again; the next run finds out whether it was done.
  stage.bitbucket.answer_next({{.status = 503}});
  CHECK_THAT(told(stage.run_all()), Catch::StartsWith("0\nBitbucket answered 503: waiting 1 s\n"));
  CHECK(stage.bitbucket.writes() == 1);

  const std::size_t before = stage.bitbucket.requests().size();
  stage.bitbucket.answer_next({{.status = 503}, {.status = 500}, {.status = 502}});
  CHECK_THAT(told(stage.run_all()), Catch::StartsWith("3\n") &&
                                        Catch::Contains("SHOP/app     failed") &&
                                        Catch::Contains("Bitbucket answered 502"));
  CHECK(stage.bitbucket.requests().size() == before + 3);

  stage.bitbucket.hold(true);
  CHECK_THAT(
      told(stage.run_all({"--request-timeout", "1"})),
      Catch::StartsWith("3\n") && Catch::Contains("no complete answer within 1 s: waiting 2 s\n"));
  stage.bitbucket.hold(false);
  CHECK(stage.bitbucket.webhooks(repository).size() == 1);

  CHECK_THAT(told(stage.run_register({"--project", stage.project.name(), "--bitbucket-url",
                                      "https://localhost:1", "--repo",
                                      "https://localhost:1/scm/shop/app.git"})),
             Catch::StartsWith("3\n") && Catch::Contains("cannot be asked"));
}

TEST_CASE("register's exit code tells drift on demand, and that all is skipped", "[register]") {
  RegisterStage stage(Source::kCloud);
  stage.project.add_warehouse("elsewhere", "https://github.com/example/shop");
  CHECK_THAT(told(stage.run_all()), Catch::StartsWith("1\nskipped: https://github.com/") &&
                                        Catch::Contains("no Bitbucket repository to register"));
  const std::string repository = stage.subscribe("app");
  const auto code = [&](const std::vector<std::string>& more) {
    return stage.run_all(more).exit_code;
  };
  CHECK(code({"--dry-run"}) == 0);
  CHECK(code({"--dry-run", "--exit-code"}) == 1);
  CHECK(code({}) == 0);
  CHECK(code({"--dry-run", "--exit-code"}) == 0);
  StoredWebhook drifted = stage.bitbucket.webhooks(repository).at(0);
  drifted.events = {"repo:fork"};
  stage.bitbucket.add_repository(repository, {drifted});
  CHECK(code({"--dry-run", "--exit-code"}) == 1);
  CHECK(code({"--exit-code"}) == 2);  // without --dry-run it is corrected
}

TEST_CASE("register takes a repository that is named twice for one", "[register]") {
  RegisterStage stage(Source::kCloud);
  const std::string repository = stage.subscribe("app");
  std::string shouted = stage.clone_url("app");
  shouted.replace(shouted.size() - 3, 3, "APP");
  const Finished finished =
      stage.run_register({"--project", stage.project.name(), "--cloud-url", stage.bitbucket.url(),
                          "--repo", stage.clone_url("app"), "--repo", shouted});
  CHECK(finished.exit_code == 0);
  CHECK(stage.bitbucket.webhooks(repository).size() == 1);
  CHECK(stage.bitbucket.requests().size() == 3);
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

}  // namespace receiver::test
