#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "test/integration/register_stage.h"
#include "test/integration/registration_stage.h"
#include "test/integration/transcript.h"
#include "test/support/temporary_file.h"

namespace receiver::test {

TEST_CASE("unregister deletes the receiver's webhooks, and no others", "[register]") {
  RegisterStage stage(GENERATE(Source::kCloud, Source::kDataCenter));
  const bool of_cloud = stage.bitbucket.product() == Source::kCloud;
  const std::string app = stage.subscribe("app");
  const std::string web = stage.subscribe("web");
  REQUIRE(stage.run_all().exit_code == 0);
  const StoredWebhook current = stage.bitbucket.webhooks(app).at(0);
  StoredWebhook stale = current;
  stale.url.back() = stale.url.back() == '0' ? '1' : '0';
  // Another base URL may lead to the operator as well.
  StoredWebhook moved = current;
  moved.url = "https://old.example.com" + stage.path;
  const StoredWebhook stranger{.title = "CI",
                               .url = "https://ci.example.com/hook",
                               .events = {of_cloud ? "repo:push" : "repo:refs_changed"}};
  stage.bitbucket.add_repository(app, {current, stale, moved, stranger});
  const auto left = [&](const std::string& repository) {
    std::string urls;
    for (const StoredWebhook& webhook : stage.bitbucket.webhooks(repository)) {
      urls += webhook.url == current.url ? "now "
              : webhook.url == stale.url ? "stale "
              : webhook.url == moved.url ? "moved "
                                         : "CI ";
    }
    return urls;
  };
  const std::size_t writes = stage.bitbucket.writes();

  const std::vector<std::string> all{"--project", stage.project.name(), "--all-subscribed",
                                     of_cloud ? "--cloud-url" : "--bitbucket-url",
                                     stage.bitbucket.url()};
  const auto unregister = [&](std::vector<std::string> more) {
    more.insert(more.begin(), all.begin(), all.end());
    return told(stage.run_command("unregister", std::move(more)));
  };
  const std::string shown = of_cloud ? std::string(kShownProject) + "/" : "SHOP/";
  CHECK_THAT(unregister({"--stale", "--dry-run"}),
             Catch::StartsWith("0\nREPOSITORY") && Catch::Contains(shown + "app  ") &&
                 Catch::Contains("   would delete   ") && Catch::Contains(shown + "web  ") &&
                 Catch::Contains("   none\n") && !Catch::Contains("old.example.com"));
  CHECK(stage.bitbucket.writes() == writes);
  CHECK_THAT(unregister({"--stale"}), Catch::StartsWith("0\n") && Catch::Contains("deleted"));
  CHECK(left(app) == "now moved CI ");
  CHECK(left(web) == "now ");
  CHECK_THAT(unregister({"--yes", "-o", "json"}),
             Catch::Contains("\"dryRun\": false") && Catch::Contains("\"result\": \"deleted\""));
  CHECK(left(app) == "CI ");
  CHECK(left(web).empty());
  CHECK_THAT(unregister({}), Catch::StartsWith("0\n") && !Catch::Contains("deleted"));
}

TEST_CASE("webhooks come and go as reported", "[register][receiverctl]") {
  RegisterStage stage(Source::kDataCenter);
  const std::string app = stage.subscribe("app");
  stage.subscribe("web");
  const TemporaryFile token(kApiToken);
  Transcript shown(stage.cluster, {{stage.project.name(), kShownProject},
                                   {stage.bitbucket.ca_file(), "CA-FILE"},
                                   {token.path(), "TOKEN-FILE"}});
  shown.hide(kSecret);
  shown.hide(kApiToken);
  const auto run = [&](const std::string& command, std::vector<std::string> more) {
    std::vector<std::string> words{command,
                                   "--project",
                                   stage.project.name(),
                                   "--receiver",
                                   "bb",
                                   "--all-subscribed",
                                   "--bitbucket-url",
                                   stage.bitbucket.url(),
                                   "--ca-file",
                                   stage.bitbucket.ca_file(),
                                   "--token-file",
                                   token.path()};
    words.insert(words.end(), more.begin(), more.end());
    shown.run(std::move(words));
  };
  run("register", {"--dry-run", "--exit-code"});
  run("register", {});
  run("register", {"--dry-run", "--exit-code"});
  StoredWebhook stale = stage.bitbucket.webhooks(app).at(0);
  const StoredWebhook current = stale;
  stale.url.back() = stale.url.back() == '0' ? '1' : '0';
  stage.bitbucket.add_repository(app, {current, stale});
  run("unregister", {"--stale", "--dry-run"});
  run("unregister", {"--stale"});
  run("unregister", {"-o", "json"});
  run("unregister", {});
  shown.run({"unregister", "--project", stage.project.name(), "--receiver", "bb"});
  shown.run({"register", "--help"});
  shown.run({"unregister", "--help"});
  shown.check("webhooks.txt");
}

TEST_CASE("unregister on a terminal deletes only with --yes", "[register]") {
  RegisterStage stage(Source::kDataCenter);
  const std::string app = stage.subscribe("app");
  REQUIRE(stage.run_all().exit_code == 0);
  const auto on_terminal = [&](const std::string& more) {
    const std::string command = fmt::format(
        "{} unregister --kubeconfig {}/kubeconfig.admin --project {} --receiver bb --repo {} "
        "--ca-file {} {}",
        RECEIVERCTL_BINARY, stage.cluster.directory(), stage.project.name(), stage.clone_url("app"),
        stage.bitbucket.ca_file(), more);
    return told(run({"/usr/bin/script", "-qec", command, "/dev/null"},
                    {{"BITBUCKET_TOKEN", kApiToken}, {"NO_COLOR", "1"}}));
  };
  CHECK_THAT(on_terminal(""), Catch::StartsWith("0\n") && Catch::Contains("would delete") &&
                                  Catch::Contains("Nothing was deleted; --yes deletes."));
  CHECK(stage.bitbucket.webhooks(app).size() == 1);
  CHECK_THAT(on_terminal("--yes"), Catch::StartsWith("0\n") && Catch::Contains("deleted"));
  CHECK(stage.bitbucket.webhooks(app).empty());
}

TEST_CASE("unregister says what could not be deleted, and whose fault it is", "[register]") {
  RegisterStage stage(Source::kDataCenter);
  const std::string app = stage.subscribe("app");
  REQUIRE(stage.run_all().exit_code == 0);
  const auto unregister = [&](const std::string& slug) {
    return told(stage.run_command("unregister", {"--project", stage.project.name(), "--repo",
                                                 stage.clone_url(slug), "--yes"}));
  };
  CHECK_THAT(unregister("missing"), Catch::StartsWith("1\n") && Catch::Contains("failed") &&
                                        Catch::Contains("Bitbucket answered 404"));
  const std::size_t writes = stage.bitbucket.writes();
  stage.bitbucket.answer_next({{.status = 503}, {.status = 503}, {.status = 503}});
  CHECK_THAT(unregister("app"), Catch::StartsWith("3\n") && Catch::Contains("503"));
  CHECK(stage.bitbucket.writes() == writes);
  CHECK_THAT(unregister("app"), Catch::StartsWith("0\n"));
  CHECK(stage.bitbucket.webhooks(app).empty());
}

TEST_CASE("receivers counts the webhooks that the operator has registered", "[register]") {
  RegistrationStage stage(Source::kDataCenter);
  const Operator op(stage.cluster, stage.environment);
  stage.declare({{"bitbucket.allow", "SHOP\n"}});
  const std::string app = stage.subscribe("app");
  const std::string web = stage.subscribe("web");
  eventually("both are registered", [&] { return stage.count(app) + stage.count(web) == 2; });
  const auto listed = [&] {
    return run({RECEIVERCTL_BINARY, "receivers", "--kubeconfig",
                stage.cluster.directory() + "/kubeconfig.admin", "--project", stage.project.name(),
                "--webhooks", "-o", "json"},
               stage.environment);
  };
  const auto counts = [](const Finished& finished) {
    const Json receivers(finished.output);
    return fmt::format("{}: {} of {}", finished.exit_code, receivers.at("/0/webhooks/registered"),
                       receivers.at("/0/webhooks/wanted"));
  };
  CHECK(counts(listed()) == "0: 2 of 2");

  StoredWebhook off = stage.bitbucket.webhooks(web).at(0);
  off.active = false;
  stage.bitbucket.add_repository(web, {off});
  const Finished one_off = listed();
  CHECK(counts(one_off) == "1: 1 of 2");
  CHECK_THAT(Json(one_off.output).at("/0/webhooks/failure"),
             Catch::StartsWith("SHOP/web: webhook ") && Catch::Contains("switched off"));
  stage.bitbucket.add_repository(web);
  CHECK_THAT(Json(listed().output).at("/0/webhooks/failure"),
             Catch::StartsWith("SHOP/web: it has no webhook yet"));

  // Reads are asked three times.
  stage.bitbucket.answer_next(std::vector<Answer>(6, {.status = 503}));
  CHECK_THAT(told(listed()), Catch::StartsWith("3\n") && Catch::Contains("\"registered\": 0") &&
                                 Catch::Contains("Bitbucket answered 503"));
}

}  // namespace receiver::test
