#include <chrono>
#include <csignal>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
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
  // Another base URL may also lead to the operator.
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
             Catch::Contains("\"dryRun\": false") && Catch::Contains("\"action\": \"delete\""));
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

TEST_CASE("unregister tells what it had deleted before a failure", "[register][unregister]") {
  RegisterStage stage(Source::kDataCenter);
  const std::string app = stage.subscribe("app");
  REQUIRE(stage.run_all().exit_code == 0);
  StoredWebhook current = stage.bitbucket.webhooks(app).at(0);
  StoredWebhook stale = current;
  stale.url.back() = stale.url.back() == '0' ? '1' : '0';
  stage.bitbucket.add_repository(app, {current, stale});
  const std::size_t writes = stage.bitbucket.writes();
  stage.bitbucket.set_delay(std::chrono::milliseconds(300));
  std::jthread between([&](const std::stop_token& stopped) {
    while (stage.bitbucket.writes() == writes && !stopped.stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    stage.bitbucket.answer_next({failure(Source::kDataCenter, 403, "not any more")});
  });
  const Finished finished = stage.run_command(
      "unregister", {"--project", stage.project.name(), "--repo", stage.clone_url("app")});
  INFO(finished.output);
  CHECK(finished.exit_code == 1);
  CHECK_THAT(finished.output, Catch::Contains("SHOP/app     deleted   ") &&
                                  Catch::Contains("\nSHOP/app     failed    ") &&
                                  Catch::Contains("not any more"));
  CHECK(stage.bitbucket.webhooks(app).size() == 1);
}

TEST_CASE("unregister names what it skips, and says that there is nothing to look at",
          "[register][unregister]") {
  RegisterStage stage(Source::kCloud);
  const auto unregister = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"--project", stage.project.name(), "--all-subscribed", "--cloud-url",
                             stage.bitbucket.url()});
    return told(stage.run_command("unregister", std::move(more)));
  };
  CHECK(unregister({}) == "0\nThere is no Bitbucket repository to look at.\n");
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    stage.project.add_warehouse(name, std::string("https://github.com/example/") + name);
  }
  CHECK(unregister({}) ==
        "1\nskipped: https://github.com/example/a, https://github.com/example/b, "
        "https://github.com/example/c and 2 more: not known to be on this Bitbucket\n"
        "There is no Bitbucket repository to look at.\n");
  const std::string json = unregister({"-o", "json"});
  CHECK_THAT(json, Catch::StartsWith("1\n") &&
                       Catch::Contains("\"repository\": \"https://github.com/example/e\",\n"
                                       "      \"action\": \"skipped\""));
  stage.subscribe("app");
  CHECK_THAT(unregister({}), Catch::StartsWith("0\nskipped: ") && Catch::Contains("none\n"));
}

TEST_CASE("receivers tells why the operator registers no webhook, and writes nothing",
          "[register][receiverctl]") {
  RegistrationStage stage(Source::kDataCenter);
  std::optional<Operator> op(std::in_place, stage.cluster, stage.environment);
  stage.declare({{"bitbucket.allow", "SHOP\n"}});
  const std::string app = stage.subscribe("app");
  eventually("it is registered", [&] { return stage.count(app) == 1; });
  op->terminate();
  REQUIRE(op->exit_code(kPatience) == 0);
  op.reset();
  const std::size_t writes = stage.bitbucket.writes();
  const auto listed = [&](const RegistrationStage::Keys& more, const Environment& environment) {
    stage.project.put_secret("s", stage.keys(more));
    const Finished finished = run({RECEIVERCTL_BINARY, "receivers", "--kubeconfig",
                                   stage.cluster.directory() + "/kubeconfig.admin", "--project",
                                   stage.project.name(), "--webhooks", "-o", "json"},
                                  environment);
    CHECK(schema_problem(finished.output) == "");
    return fmt::format("{} {}", finished.exit_code,
                       Json(finished.output).at("/items/0/webhooks/failures"));
  };
  CHECK(listed({{"bitbucket.allow", "SHOP\n"}}, stage.environment) == "0 []");
  CHECK_THAT(listed({{"bitbucket.register", "yes"}}, stage.environment),
             Catch::StartsWith("1 ") && Catch::Contains("is neither true nor false; store one"));
  CHECK_THAT(listed({{"bitbucket.token", "two words"}}, stage.environment),
             Catch::StartsWith("1 ") && Catch::Contains("store it without them"));
  CHECK_THAT(listed({{"bitbucket.allow", "OTHER\n"}}, stage.environment),
             Catch::StartsWith("1 ") &&
                 Catch::Contains("SHOP/app: outside the Secret's bitbucket.allow: add its"));
  Environment elsewhere = stage.environment;
  elsewhere["BITBUCKET_HOSTS"] = "elsewhere.example.com";
  CHECK_THAT(listed({}, elsewhere),
             Catch::StartsWith("1 ") && Catch::Contains("which the operator's setting "
                                                        "BITBUCKET_HOSTS does not list; ask"));
  // Everything that the operator would correct.
  stage.bitbucket.add_repository(app);
  CHECK_THAT(listed({}, stage.environment),
             Catch::StartsWith("1 ") && Catch::Contains("it has no webhook yet"));
  CHECK(stage.bitbucket.writes() == writes);
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
    return fmt::format("{}: {} of {}", finished.exit_code,
                       receivers.at("/items/0/webhooks/registered"),
                       receivers.at("/items/0/webhooks/wanted"));
  };
  CHECK(counts(listed()) == "0: 2 of 2");

  StoredWebhook off = stage.bitbucket.webhooks(web).at(0);
  off.active = false;
  stage.bitbucket.add_repository(web, {off});
  const Finished one_off = listed();
  CHECK(counts(one_off) == "1: 1 of 2");
  CHECK_THAT(Json(one_off.output).at("/items/0/webhooks/failures/0"),
             Catch::StartsWith("SHOP/web: webhook ") && Catch::Contains("switched off"));
  stage.bitbucket.add_repository(web);
  CHECK_THAT(Json(listed().output).at("/items/0/webhooks/failures/0"),
             Catch::StartsWith("SHOP/web: it has no webhook yet"));

  // Reads are sent three times.
  stage.bitbucket.answer_next(std::vector<Answer>(6, {.status = 503}));
  CHECK_THAT(told(listed()), Catch::StartsWith("3\n") && Catch::Contains("\"registered\": 0") &&
                                 Catch::Contains("Bitbucket answered 503"));
}

TEST_CASE("receivers that is interrupted names those that Bitbucket was not asked about",
          "[register]") {
  RegistrationStage stage(Source::kDataCenter);
  stage.subscribe("app");
  stage.project.put_secret("s", stage.keys());
  stage.project.declare({{"bb", "s"}, {"more", "s"}});
  stage.bitbucket.set_delay(std::chrono::seconds(60));
  const TemporaryFile output("");
  Environment environment = current_environment();
  for (const auto& [name, value] : stage.environment) environment[name] = value;
  Process process({RECEIVERCTL_BINARY, "receivers", "--kubeconfig",
                   stage.cluster.directory() + "/kubeconfig.admin", "--project",
                   stage.project.name(), "--webhooks", "-o", "json"},
                  environment, output.path());
  eventually("Bitbucket is asked", [&] { return !stage.bitbucket.requests().empty(); });
  process.signal(SIGINT);
  CHECK(process.wait(std::chrono::seconds(10)) == 128 + SIGINT);
  const std::string text = read_file(output.path());
  INFO(text);
  REQUIRE(text.find('{') != std::string::npos);
  const Json told(text.substr(text.find('{')));
  CHECK_THAT(told.at("/items/0/webhooks/failures"), Catch::Contains("SHOP/app: interrupted"));
  CHECK(told.at("/items/1/webhooks/wanted") == "1");
  CHECK(told.at("/items/1/webhooks/failures") == R"(["interrupted"])");
}

}  // namespace receiver::test
