#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "test/bitbucket_server/connect_proxy.h"
#include "test/integration/register_stage.h"

namespace receiver::test {

// Cases in which `receiverctl register` sends neither token nor secret, and writes nothing.

TEST_CASE("register sends its token to no Data Center that only a Warehouse names", "[register]") {
  RegisterStage stage(Source::kDataCenter);
  stage.subscribe("web");
  const std::vector<std::string> all{"--project", stage.project.name(), "--all-subscribed"};
  CHECK_THAT(told(stage.run_register(all)),
             Catch::StartsWith("2\n") && Catch::Contains("a Data Center at localhost, and"));
  CHECK(stage.bitbucket.requests().empty());
  // --repo also names the server.
  const std::vector<std::string> one{"--project", stage.project.name(), "--repo",
                                     stage.clone_url("web")};
  CHECK(stage.run_register(one).exit_code == 0);
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
             Catch::Contains(
                 "not touched: project-of-the-test/web is outside the Secret's bitbucket.allow\n"));
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
  CHECK_THAT(refused.output,
             Catch::Contains("\"repository\": \"LOOT/web\",\n      \"action\": \"skipped\""));
  CHECK(stage.bitbucket.requests().empty());
  CHECK(stage.run_all().exit_code == 0);
  CHECK(stage.bitbucket.webhooks(web).size() == 1);
  CHECK(stage.bitbucket.webhooks("LOOT/web").empty());

  stage.project.put_secret("bb-secret", {{"secret", kSecret}, {"bitbucket.allow", "SHOP, LOOT"}});
  CHECK_THAT(told(stage.run_register(loot)),
             Catch::StartsWith("1\n") && Catch::Contains("bitbucket.allow, line 1: expected"));
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
  const std::string host = "bitbucket.test";  // only the proxy resolves it
  BitbucketServer hidden(Source::kCloud, {.common_name = host, .alternative_names = "DNS:" + host},
                         host);
  hidden.accept(std::string("Bearer ") + kApiToken);
  hidden.add_repository("acme/shop");
  const ConnectProxy proxy(hidden.port());
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
  // One for the write, and one for both lists, if cpprestsdk has it back in time for the second;
  // the API server is asked without it.
  const std::size_t connects = proxy.connects().size();
  CHECK((connects == 2 || connects == 3));
  CHECK(proxy.connects() ==
        std::vector<std::string>(connects, host + ":" + std::to_string(hidden.port())));
  CHECK(run_through({{"NO_PROXY", ".test"}}).exit_code == 3);
  CHECK(proxy.connects().size() == connects);
  CHECK_THAT(told(run_through({{"HTTPS_PROXY", "socks5://me:pass-word@proxy"}})),
             Catch::StartsWith("2\n") && Catch::Contains("HTTPS_PROXY names no proxy") &&
                 !Catch::Contains("pass-word"));
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
      Catch::StartsWith("3\n") &&
          Catch::Contains("/proc/version contains no readable PEM certificate"));
  CHECK_THAT(refused({"--project", name}),
             Catch::StartsWith("2\n") && Catch::Contains("--repo or --all-subscribed"));
  CHECK_THAT(refused({"--project", name, "--repo", stage.clone_url("app"), "--all-subscribed"}),
             Catch::StartsWith("2\n") && Catch::Contains("excludes"));
  CHECK_THAT(
      refused({"--project", name, "--repo", "https://example.com/shop"}),
      Catch::StartsWith("2\n") && Catch::Contains("is not the URL of a Bitbucket repository"));
  CHECK_THAT(refused({"--project", name, "--repo", "http://localhost:7990/scm/shop/app.git"}),
             Catch::StartsWith("2\n") && Catch::Contains("over https only"));
  CHECK_THAT(refused({"--project", name, "--repo", stage.clone_url("app"), "--repo",
                      "https://example.com/scm/shop/app.git"}),
             Catch::StartsWith("2\n") && Catch::Contains("a token belongs to one"));
  CHECK_THAT(refused({"--project", name, "--repo", stage.clone_url("app")}, {}),
             Catch::StartsWith("2\n") && Catch::Contains("BITBUCKET_TOKEN"));
  CHECK_THAT(refused({"--project", name, "--repo", stage.clone_url("app")},
                     {{"BITBUCKET_TOKEN", "two words"}}),
             Catch::StartsWith("2\n") && Catch::Contains("the token contains spaces"));
  CHECK_THAT(refused({"--project", "missing", "--repo", stage.clone_url("app")}),
             Catch::StartsWith("1\n") && Catch::Contains("does not exist"));
  CHECK(stage.bitbucket.requests().empty());
}

}  // namespace receiver::test
