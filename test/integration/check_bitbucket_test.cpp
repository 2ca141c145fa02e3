#include <map>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/bitbucket_server/bitbucket_server.h"
#include "test/integration/registration_stage.h"
#include "test/support/cluster.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/process.h"
#include "test/support/project.h"
#include "test/support/role_bound.h"

namespace receiver::test {
namespace {

using bitbucket::Source;

constexpr const char* kCheckedAccount = "kargo/kargo-external-webhooks-server";
constexpr const char* kCheckToken = "token-of-the-tests-of-check";

/// A project with a receiver `bb`, and a Data Center with the repositories SHOP/app and SHOP/web.
struct CheckStage {
  CheckStage() {
    center.accept(std::string("Bearer ") + kCheckToken);
    center.answer_reads([this](const std::string& url) -> Answer {
      for (const std::string& name : readable) {
        if (url !=
            center.url() + "/rest/api/latest/projects/SHOP/repos/" + name + "/default-branch") {
          continue;
        }
        const bool is_first = name == "app";
        return {.body = is_empty && !is_first ? R"({"id":""})" : R"({"id":"refs/heads/main"})",
                .near_limit = near_limit && is_first};
      }
      return failure(Source::kDataCenter, 404, "The repository does not exist.");
    });
    put_secret();
    project.declare({{"bb", "s"}});
    project.add_warehouse("app", url_of("app"));
    project.add_warehouse("app-again", url_of("app"));
    project.add_warehouse("web", url_of("web"));
    project.add_warehouse("elsewhere", "https://git.example.com/scm/shop/app.git");
  }

  [[nodiscard]] std::string url_of(const std::string& slug) const {
    return center.url() + "/scm/shop/" + slug + ".git";
  }
  void put_secret(const std::map<std::string, std::string>& more = {}) const {
    std::map<std::string, std::string> values{{"secret", "a-secret-of-the-tests"},
                                              {"bitbucket.token", kCheckToken},
                                              {"bitbucket.url", center.url()},
                                              {"bitbucket.ca", center.ca_pem()}};
    for (const auto& [key, value] : more) values[key] = value;
    project.put_secret("s", values);
  }
  [[nodiscard]] std::string host() const { return fmt::format("localhost:{}", center.port()); }

  /// The findings of `check` for these subjects, by level.
  [[nodiscard]] std::vector<std::string> check(Environment environment,
                                               const std::set<std::string>& subjects,
                                               const std::vector<std::string>& more = {}) const {
    environment["KUBECONFIG"] = cluster.directory() + "/kubeconfig.admin";
    std::vector<std::string> words{
        RECEIVERCTL_BINARY,  "check",         "--project", project.name(),
        "--service-account", kCheckedAccount, "-o",        "json"};
    words.insert(words.end(), more.begin(), more.end());
    const Finished finished = run(std::move(words), environment);
    INFO(finished.output);
    CHECK_THAT(finished.output, !Catch::Contains(kCheckToken));
    // Behind the progress of many requests.
    const Json findings(finished.output.substr(finished.output.find('{')));
    std::vector<std::string> told;
    for (std::size_t i = 0; i < findings.size_at("/items"); ++i) {
      const std::string at = fmt::format("/items/{}/", i);
      if (!subjects.contains(findings.at(at + "check"))) continue;
      told.push_back(findings.at(at + "level") + ": " + findings.at(at + "message"));
    }
    return told;
  }
  /// Its findings about Bitbucket.
  [[nodiscard]] std::vector<std::string> check(const Environment& environment) const {
    return check(environment,
                 {"Bitbucket of " + project.name() + "/bb", "BITBUCKET_HOSTS", "HTTPS_PROXY"});
  }
  [[nodiscard]] std::vector<std::string> check() const {
    return check({{"BITBUCKET_HOSTS", host()}});
  }

  Cluster cluster;
  BitbucketServer center{Source::kDataCenter};
  std::set<std::string> readable{"app", "web"};
  bool near_limit = false;  ///< when SHOP/app is read, which is first
  bool is_empty = false;    ///< all but SHOP/app have no commit yet
  Project project{cluster};
};

}  // namespace

TEST_CASE("check asks for each subscribed repository of the receiver's Bitbucket, once",
          "[check_bitbucket]") {
  CheckStage stage;
  CHECK(stage.check() ==
        std::vector{"ok: its token can read 2 subscribed repositories at " + stage.center.url()});
  CHECK(stage.center.requests().size() == 2);
  stage.is_empty = true;
  CHECK_THAT(stage.check().at(0), Catch::StartsWith("ok: its token can read 2 "));

  stage.near_limit = true;
  const auto near = stage.check();
  REQUIRE(near.size() == 2);
  CHECK(near[1] ==
        "warning: Bitbucket says that most of the token's requests of this hour are used");
}

TEST_CASE("check asks for 50 repositories at most", "[check_bitbucket]") {
  CheckStage stage;
  for (int i = 0; i < 50; ++i) {
    const std::string name = fmt::format("r{}", i);
    stage.readable.insert(name);
    stage.project.add_warehouse(name, stage.url_of(name));
  }
  CHECK(stage.check() ==
        std::vector<std::string>{
            "ok: its token can read 50 subscribed repositories at " + stage.center.url(),
            "warning: 2 more repositories not checked, to save the token's hourly limit"});
  CHECK(stage.center.requests().size() == 50);
}

TEST_CASE("check tells which repository a token cannot read, and why", "[check_bitbucket]") {
  const CheckStage stage;
  stage.project.add_warehouse("gone", stage.url_of("gone"));
  const auto gone = stage.check();
  REQUIRE(gone.size() == 2);
  CHECK_THAT(gone[0], Catch::StartsWith("failure: SHOP/gone at " + stage.center.url() + ": ") &&
                          Catch::Contains("404"));
  CHECK_THAT(gone[1], Catch::StartsWith("ok: its token can read 2"));

  stage.put_secret({{"bitbucket.token", "a-token-of-yesterday"}});
  const auto refused = stage.check();
  REQUIRE(refused.size() == 3);
  for (const std::string& line : refused) {
    CHECK_THAT(line, Catch::StartsWith("failure: SHOP/") && Catch::Contains("401") &&
                         !Catch::Contains("a-token-of-yesterday"));
  }
}

TEST_CASE("check asks nobody without a token, or who is not listed", "[check_bitbucket]") {
  const CheckStage stage;
  const auto not_listed = stage.check({});
  REQUIRE(not_listed.size() == 1);
  CHECK_THAT(not_listed[0], Catch::StartsWith("warning: Secret s: key \"bitbucket.url\"") &&
                                Catch::Contains(stage.host()) &&
                                Catch::Contains("BITBUCKET_HOSTS"));
  const auto no_host = stage.check({{"BITBUCKET_HOSTS", "https://localhost"}});
  CHECK(no_host == std::vector<std::string>{"failure: contains an entry that is not a host"});
  const auto no_proxy =
      stage.check({{"BITBUCKET_HOSTS", stage.host()}, {"HTTPS_PROXY", "socks5://me:word@proxy"}});
  REQUIRE(no_proxy.size() == 1);
  CHECK_THAT(no_proxy[0],
             Catch::StartsWith("failure: HTTPS_PROXY names no proxy") && !Catch::Contains("word@"));

  stage.project.put_secret("s", {{"secret", "a-secret-of-the-tests"}});
  CHECK(stage.check().empty());
  CHECK(stage.center.requests().empty());
}

TEST_CASE("check tells how the receiver's webhooks are, and what Data Center could not deliver",
          "[check_bitbucket]") {
  CheckStage stage;
  const std::string& project = stage.project.name();
  const Operator op(stage.cluster);
  eventually("its URL is published",
             [&] { return !published_url(stage.project.config(), "bb").empty(); });
  stage.center.add_repository("SHOP/app");
  stage.center.add_repository("SHOP/web");
  const auto of_webhooks = [&] {
    return stage.check({{"BITBUCKET_HOSTS", stage.host()}}, {"webhooks of " + project + "/bb"});
  };
  using Lines = std::vector<std::string>;
  CHECK(of_webhooks() == Lines{"warning: SHOP/app: has no webhook of this receiver",
                               "warning: SHOP/web: has no webhook of this receiver"});
  CHECK(stage.center.writes() == 0);

  const Finished registered =
      run({RECEIVERCTL_BINARY, "register", "-n", project, "--receiver", "bb", "--all-subscribed",
           "--bitbucket-url", stage.center.url(), "--ca-file", stage.center.ca_file()},
          {{"KUBECONFIG", stage.cluster.directory() + "/kubeconfig.admin"},
           {"BITBUCKET_TOKEN", kCheckToken}});
  INFO(registered.output);
  REQUIRE(registered.exit_code == 0);
  CHECK(of_webhooks() == Lines{"ok: right in 2 repositories"});

  stage.center.deliver("SHOP/app", [](const StoredWebhook&) { return 503U; });
  const auto failed = of_webhooks();
  REQUIRE(failed.size() == 2);
  CHECK_THAT(failed[1], Catch::StartsWith("warning: SHOP/app: Bitbucket could not deliver at 20"));

  // After a rotation, the webhook at the former URL is the receiver's, whatever its title.
  StoredWebhook by_hand = stage.center.webhooks("SHOP/web").at(0);
  by_hand.title = "made by hand";
  stage.center.add_repository("SHOP/web", {by_hand});
  const std::string rotated = "another-secret-of-the-tests";
  stage.put_secret({{"secret", rotated}, {"secret.previous", "a-secret-of-the-tests"}});
  (void)eventually_equals(
      "the new URL is published", [&] { return published_url(stage.project.config(), "bb"); },
      op.url(receiver_path(project, "bb", rotated)));
  const auto former = of_webhooks();
  REQUIRE(former.size() == 3);
  CHECK_THAT(former[0], Catch::StartsWith("warning: SHOP/app: its webhook must be corrected: url"));
  CHECK_THAT(former[1], Catch::StartsWith("warning: SHOP/web: its webhook must be corrected: ") &&
                            Catch::Contains("url"));
}

TEST_CASE("check looks at webhooks with the caller's token where the Secret has none",
          "[check_bitbucket]") {
  CheckStage stage;
  BitbucketServer& center = stage.center;
  const std::string& project = stage.project.name();
  const std::map<std::string, std::string> no_token{{"secret", "a-secret-of-the-tests"}};
  stage.project.put_secret("s", no_token);
  const Operator op(stage.cluster);
  eventually("its URL is published",
             [&] { return !published_url(stage.project.config(), "bb").empty(); });
  using Lines = std::vector<std::string>;
  const auto told = [&](Environment environment) {
    return stage.check(
        std::move(environment),
        {"webhooks of " + project + "/bb", "Bitbucket of " + project + "/bb", "BITBUCKET_TOKEN"},
        {"--bitbucket-url", center.url(), "--ca-file", center.ca_file()});
  };
  center.add_repository("SHOP/app");
  center.add_repository("SHOP/web");
  CHECK(told({}).empty());
  CHECK(told({{"BITBUCKET_TOKEN", ""}}).empty());
  CHECK(center.requests().empty());

  const Environment mine{{"BITBUCKET_TOKEN", kCheckToken}};
  CHECK(told(mine) == Lines{"warning: SHOP/app: has no webhook of this receiver",
                            "warning: SHOP/web: has no webhook of this receiver"});
  auto allowing = no_token;
  allowing["bitbucket.allow"] = "SHOP/web\n";
  stage.project.put_secret("s", allowing);
  CHECK(told(mine) ==
        Lines{"warning: SHOP/app: outside the Secret's bitbucket.allow, so no webhook "
              "is registered",
              "warning: SHOP/web: has no webhook of this receiver"});
  allowing["bitbucket.allow"] = "SHOP web\n";
  stage.project.put_secret("s", allowing);
  const auto wrong = told(mine);
  REQUIRE(wrong.size() == 1);
  CHECK_THAT(wrong[0], Catch::StartsWith("warning: Secret s: ") && Catch::Contains("line 1"));
  stage.project.put_secret("s", no_token);
  CHECK(center.writes() == 0);

  const Finished registered =
      run({RECEIVERCTL_BINARY, "register", "-n", project, "--receiver", "bb", "--all-subscribed",
           "--bitbucket-url", center.url(), "--ca-file", center.ca_file()},
          {{"KUBECONFIG", stage.cluster.directory() + "/kubeconfig.admin"},
           {"BITBUCKET_TOKEN", kCheckToken}});
  REQUIRE(registered.exit_code == 0);
  CHECK(told(mine) == Lines{"ok: right in 2 repositories"});

  const auto refused = told({{"BITBUCKET_TOKEN", "a-token-of-yesterday"}});
  REQUIRE(refused.size() == 1);
  CHECK_THAT(refused[0],
             Catch::StartsWith("warning: the webhooks of 2 of 2 repositories cannot be read: ") &&
                 Catch::Contains("401") && !Catch::Contains("yesterday"));
  const auto no_token_at_all = told({{"BITBUCKET_TOKEN", "two words"}});
  REQUIRE(no_token_at_all.size() == 1);
  CHECK_THAT(no_token_at_all[0], Catch::StartsWith("failure: ") && !Catch::Contains("two words"));
  // The operator's own token is better, and goes nowhere but where its Secret says.
  stage.put_secret();
  const std::size_t before = center.requests().size();
  const auto of_secret = told(mine);
  REQUIRE(of_secret.size() == 1);
  CHECK_THAT(of_secret[0], Catch::Contains("BITBUCKET_HOSTS"));
  CHECK(center.requests().size() == before);

  // Not too many at a time.
  stage.project.put_secret("s", no_token);
  for (int i = 0; i < 50; ++i) {
    const std::string name = fmt::format("r{}", i);
    center.add_repository("SHOP/" + name);
    stage.project.add_warehouse(name, stage.url_of(name));
  }
  const auto many = told(mine);
  REQUIRE(!many.empty());
  CHECK(many.back() ==
        "warning: 2 more repositories not checked, to save the token's hourly limit");

  const Finished usage = run({RECEIVERCTL_BINARY, "check", "--bitbucket-url", "http://h"}, mine);
  CHECK(usage.exit_code == 2);
  CHECK_THAT(usage.output, Catch::Contains("--bitbucket-url"));
}

TEST_CASE("the caller's token is for Bitbucket Cloud, unless a Data Center is named",
          "[check_bitbucket]") {
  RegistrationStage stage(Source::kCloud);
  const Operator op(stage.cluster, stage.environment);
  (void)stage.project.publish("bb", kSecret);
  const std::string app = stage.subscribe("app");
  stage.project.add_warehouse("elsewhere", "https://git.example.com/scm/shop/app.git");
  Environment environment = stage.environment;
  environment["KUBECONFIG"] = stage.cluster.directory() + "/kubeconfig.admin";
  environment["BITBUCKET_TOKEN"] = kAdminToken;
  const auto run_here = [&](std::vector<std::string> words) {
    words.insert(words.begin(), RECEIVERCTL_BINARY);
    words.insert(words.end(), {"-n", stage.project.name(), "--ca-file", stage.bitbucket.ca_file()});
    return run(std::move(words), environment);
  };
  CHECK_THAT(
      run_here({"check", "--via", op.origin()}).output,
      Catch::Contains(app + ": has no webhook of this receiver") && !Catch::Contains("shop/app"));
  REQUIRE(run_here({"register", "--receiver", "bb", "--repo", stage.clone_url("app")}).exit_code ==
          0);
  const std::size_t before = stage.bitbucket.requests().size();
  CHECK_THAT(run_here({"check", "--via", op.origin()}).output,
             Catch::Contains("right in 1 repository"));
  CHECK(stage.bitbucket.requests().size() == before + 1);
  for (const std::string& request : stage.bitbucket.requests()) {
    CHECK_THAT(request, Catch::Contains(stage.project.name()));
  }
}

TEST_CASE("check tells where a Secret asks for registration without a token", "[check_bitbucket]") {
  const CheckStage stage;
  const auto told = [&](std::map<std::string, std::string> more) {
    more["secret"] = "a-secret-of-the-tests";
    stage.project.put_secret("s", more);
    return stage.check();
  };
  using Lines = std::vector<std::string>;
  const Lines idle{
      "warning: Secret s contains bitbucket.register, but no bitbucket.token: no webhook is "
      "registered"};
  CHECK(told({}).empty());
  CHECK(told({{"bitbucket.register", "true"}}) == idle);
  CHECK(told({{"bitbucket.register", "True\n"}, {"bitbucket.token", ""}}) == idle);
  CHECK(told({{"bitbucket.register", " False\n"}}).empty());
  CHECK(told({{"bitbucket.register", ""}}).empty());
}

TEST_CASE("check asks for the permissions of registration where a receiver registers its webhooks",
          "[check_bitbucket]") {
  const CheckStage stage;
  const auto of_stages = [&] {
    auto told = stage.check({{"BITBUCKET_HOSTS", stage.host()}},
                            {std::string("permission of ") + kCheckedAccount});
    std::erase_if(told, [](const std::string& line) {
      return line.find(" stages.kargo.akuity.io ") == std::string::npos;
    });
    return told;
  };
  CHECK(of_stages().empty());
  stage.put_secret({{"bitbucket.register", "true"}});
  CHECK(of_stages() ==
        std::vector<std::string>{
            "warning: missing: list, watch stages.kargo.akuity.io everywhere, so webhooks get the "
            "events of pull requests only once a promotion waits for one"});
  const RoleBound bound(stage.cluster, "bitbucket-receiver-registration", "kargo.akuity.io",
                        "stages");
  CHECK(of_stages() ==
        std::vector<std::string>{"ok: list, watch stages.kargo.akuity.io everywhere"});
}

}  // namespace receiver::test
