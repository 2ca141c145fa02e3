// Whole commands, against a scripted API server.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cmd/receiverctl/interruption.h"
#include "controllers/derive.h"
#include "crypto/crypto.h"
#include "test/support/cpu_time.h"
#include "test/support/eventually.h"
#include "test/support/receiverctl_schema.h"
#include "test/unit/cmd/receiverctl/scripted_api.h"

namespace receiver::ctl {
namespace {

using Catch::Contains;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr const char* kKey = "a-secret-of-sufficient-length";
constexpr const char* kKargo = "/apis/kargo.akuity.io/v1alpha1";

std::string metadata(const std::string& name, const std::string& ns) {
  return fmt::format(
      R"("metadata":{{"name":"{}","namespace":"{}","uid":"u-{}","resourceVersion":"1","generation":1}})",
      name, ns, name);
}

/// Projects, each with a published receiver `bb`, and these Warehouses.
struct World {
  std::vector<std::string> projects{"p"};
  std::string more_keys;  ///< of their Secrets
  std::vector<std::string> warehouses;
  std::string base = "https://hooks.example.com";
  bool allowed = true;    ///< what access reviews answer
  std::string forbidden;  ///< a path that may not be read
  std::string hangs;      ///< one that is never answered

  void add_warehouse(const std::string& name, const std::string& git,
                     const std::string& project = "p") {
    warehouses.push_back(fmt::format(R"({{{},"spec":{{"subscriptions":[{{"git":{{{}}}}}]}}}})",
                                     metadata(name, project), git));
  }

  [[nodiscard]] std::string project_config(const std::string& project) const {
    const std::string path = controllers::receiver_path({base, ""}, project, "bb", kKey);
    return fmt::format(
        R"({{{},"spec":{{"webhookReceivers":[{{"name":"bb","bitbucket":{{"secretRef":{{"name":"s"}}}}}}]}},)"
        R"("status":{{"webhookReceivers":[{{"name":"bb","path":"{}","url":"{}{}"}}],"observedGeneration":1,)"
        R"("conditions":[{{"type":"Ready","status":"True","reason":"Synced","message":"m"}}]}}}})",
        metadata(project, project), path, base, path);
  }

  [[nodiscard]] ScriptedApi::Answer answer(const std::string& path) const {
    if (path == hangs) return {0, ""};
    if (path == forbidden) return ScriptedApi::forbidden(path);
    const std::string of_project = std::string(kKargo) + "/namespaces/p/";
    if (path == of_project + "projectconfigs") return ScriptedApi::list(project_config("p"));
    if (path == kKargo + std::string("/projectconfigs")) {
      std::vector<std::string> configs;
      for (const std::string& project : projects) configs.push_back(project_config(project));
      return ScriptedApi::list(fmt::format("{}", fmt::join(configs, ",")));
    }
    if (path == of_project + "warehouses" || path == kKargo + std::string("/warehouses")) {
      return ScriptedApi::list(fmt::format("{}", fmt::join(warehouses, ",")));
    }
    if (path.starts_with(std::string(kKargo) + "/")) return ScriptedApi::list("");
    if (path.ends_with("/secrets/s")) {
      return {200, fmt::format(R"({{{},"data":{{"secret":"{}"{}}}}})", metadata("s", "p"),
                               crypto::base64_encode(kKey), more_keys)};
    }
    if (path == "/version") return {200, R"({"gitVersion":"v1.34.4"})"};
    if (path == "/healthz") return {200, "{\"status\":\"ok\"}\n"};
    if (path.ends_with("/serviceaccounts/a")) return {200, "{}"};
    if (path.ends_with("accessreviews")) {
      return {201, fmt::format(R"({{"status":{{"allowed":{}}}}})", allowed)};
    }
    return {};
  }
};

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    std::size_t width = 0;
    for (const char byte : line) width += (static_cast<unsigned char>(byte) & 0xc0U) != 0x80U;
    longest = std::max(longest, width);
  }
  return longest;
}

std::string payload_file() {
  return std::string(TESTDATA_DIR) + "/bitbucket/cloud/push_branch_update.json";
}

}  // namespace

TEST_CASE("describe shows for each repository what is refreshed and what nearly is") {
  World world;
  const std::string shop = R"("repoURL":"https://bitbucket.org/acme/shop")";
  world.add_warehouse("any", shop);
  world.add_warehouse("dev", shop + R"(,"branch":"dev")");
  world.add_warehouse("ssh", R"("repoURL":"git@bitbucket.org:acme/shop.git")");
  world.add_warehouse("other", R"("repoURL":"https://bitbucket.org/acme/other")");
  const ScriptedApi api([&](const std::string& path, const auto&) { return world.answer(path); });

  const Ended near = run(api, {"receivers", "describe", "-n", "p", "bb", "--branch", "main"});
  INFO(near.out << near.err);
  CHECK(near.code == 0);
  CHECK_THAT(near.out, Contains("A push of refs/heads/main to https://bitbucket.org/acme/other:\n"
                                "REFRESHED   OBJECT              BECAUSE\n"
                                "yes         Warehouse p/other   it subscribes to "
                                "https://bitbucket.org/acme/other, any branch\n\n"));
  CHECK_THAT(near.out, Contains("no          Warehouse p/dev   it subscribes to other refs: "));
  CHECK_THAT(near.out, Contains("yes         Warehouse p/ssh ") && !Contains("other repositories"));

  const Ended all = run(api, {"receivers", "describe", "p/bb", "--branch", "main", "--all"});
  CHECK_THAT(all.out, Contains("no          Warehouse p/other   it subscribes to other "
                               "repositories: https://bitbucket.org/acme/other"));

  const Ended one = run(
      api, {"receivers", "describe", "p/bb", "--repo", "ssh://git@bitbucket.org/acme/shop.git"});
  CHECK_THAT(one.out,
             Contains("A push to https://bitbucket.org/acme/shop:") && !Contains("acme/other"));
  CHECK_THAT(run(api, {"receivers", "describe", "p/bb", "--repo", "https://h/x/y"}).out,
             Contains("No Warehouse subscribes to this repository."));

  const Ended json = run(api, {"receivers", "describe", "p/bb", "-o", "json"});
  CHECK(test::schema_problem(json.out) == "");
  CHECK_THAT(json.out, !Contains("other repositories"));
}

TEST_CASE(
    "500 Warehouses of 300 repositories are described in what they are, not in their product") {
  World world;
  for (int i = 0; i < 500; ++i) {
    world.add_warehouse(fmt::format("w{:03}", i),
                        fmt::format(R"("repoURL":"https://bitbucket.org/acme/r{}")", i % 300));
  }
  const ScriptedApi api([&](const std::string& path, const auto&) { return world.answer(path); });
  const Ended described = run(api, {"receivers", "describe", "p/bb"});
  CHECK(described.code == 0);
  const auto lines = std::count(described.out.begin(), described.out.end(), '\n');
  CHECK(lines >= 500 + 300);
  CHECK(lines < 2'000);
}

TEST_CASE("with 2,000 Warehouses each command is quick, and does not flood a terminal") {
  const int warehouses = test::kSanitized ? 200 : 2'000;
  for (const int per_repository : {1, warehouses}) {
    World world;
    for (int i = 0; i < warehouses; ++i) {
      world.add_warehouse(fmt::format("a-warehouse-with-a-long-name-{:04}", i),
                          fmt::format(R"("repoURL":"https://bitbucket.org/kargo-orchard/{}")",
                                      per_repository == 1 && i > 0 ? fmt::format("repository-{}", i)
                                                                   : std::string("fruit-basket")));
    }
    const ScriptedApi api([&](const std::string& path, const auto&) { return world.answer(path); });
    world.base = api.origin();
    const std::string payload = payload_file();
    for (const std::vector<const char*>& words : std::vector<std::vector<const char*>>{
             {"receivers", "-n", "p"},
             {"receivers", "-A"},
             {"receivers", "describe", "p/bb"},
             {"receivers", "describe", "p/bb", "--branch", "main"},
             {"explain", payload.c_str(), "-n", "p"},
             {"explain", payload.c_str(), "-n", "p", "--all"},
             {"check", "-n", "p", "--service-account", "kargo/a"}}) {
      const auto before = test::cpu_time(CLOCK_THREAD_CPUTIME_ID);
      const Ended ended = run(api, words, 160);
      const auto used = test::cpu_time(CLOCK_THREAD_CPUTIME_ID) - before;
      CAPTURE(per_repository, words.front(), ended.err);
      CHECK(ended.code <= 1);
      CHECK(ended.err.empty());
      CHECK(used < (test::kSanitized ? 20s : 2s));
      CHECK(ended.out.size() < 200'000);
      CHECK(longest_line(ended.out) <= 160);
    }
  }
}

TEST_CASE("the project is that of the kubeconfig's context, as for kubectl") {
  World world;
  world.add_warehouse("w", R"("repoURL":"https://bitbucket.org/acme/shop")");
  const auto script = [&](const std::string& path, const std::string&) {
    return world.answer(path);
  };
  const ScriptedApi here(script, "p");
  CHECK_THAT(run(here, {"receivers", "describe", "bb"}).out, Contains("Project    p\n"));
  CHECK_THAT(run(here, {"receivers"}).out, Contains("p         bb "));
  for (const std::string& request : here.requests()) {
    CHECK_THAT(request, Contains("/namespaces/p/"));
  }
  CHECK(run(here, {"receivers", "-A"}).code == 0);
  CHECK(std::ranges::any_of(here.requests(), [](const std::string& request) {
    return request.find(std::string(kKargo) + "/projectconfigs?") != std::string::npos;
  }));

  // A namespace that is not a project means all; so does kubectl's `default`.
  for (const char* ns : {"kargo", "default", ""}) {
    CAPTURE(ns);
    const ScriptedApi elsewhere(script, ns);
    CHECK_THAT(run(elsewhere, {"receivers"}).out, Contains("p         bb "));
    const std::string payload = payload_file();
    CHECK(run(elsewhere, {"explain", payload.c_str()}).code ==
          (std::string(ns) == "kargo" ? 1 : 2));
  }
}

TEST_CASE("a command for a receiver of the ClusterConfig lists no ProjectConfigs") {
  const World world{};
  const ScriptedApi api([&](const std::string& path, const auto&) { return world.answer(path); });
  CHECK_THAT(run(api, {"wait", "--cluster-config", "--timeout", "0"}).err,
             Contains("ClusterConfig cluster does not exist"));
  REQUIRE(api.requests().size() == 1);
  CHECK_THAT(api.requests().front(), Contains(std::string(kKargo) + "/clusterconfigs?"));
}

TEST_CASE("who may read one project only is told to name it") {
  World world;
  world.forbidden = std::string(kKargo) + "/projectconfigs";
  const auto script = [&](const std::string& path, const std::string&) {
    return world.answer(path);
  };
  const ScriptedApi api(script);
  const Ended refused = run(api, {"receivers"});
  CHECK(refused.code == 3);
  CHECK_THAT(refused.err, Contains("projectconfigs cannot be listed") &&
                              Contains("name a project that you may read: -n PROJECT"));
  CHECK(run(api, {"receivers", "-n", "p"}).code == 0);
  // check takes the project of the context.
  const ScriptedApi at_home(script, "p");
  CHECK_THAT(run(at_home, {"check", "--service-account", "kargo/a"}).out,
             Contains("receiver p/bb "));
}

TEST_CASE("the remedies of check need no file of the sources") {
  World world;
  world.allowed = false;
  const ScriptedApi api([&](const std::string& path, const auto&) { return world.answer(path); });
  world.base = api.origin();
  CHECK_THAT(run(api, {"check", "-n", "p", "--service-account", "kargo/a"}).out,
             Contains("missing: get, list, watch secrets in p → name the project in the chart's "
                      "`projects`, or bind a role there") &&
                 !Contains("config/"));
}

TEST_CASE("check reads what a Secret without a token allows once, or does not ask Bitbucket") {
  World world;
  world.add_warehouse("w", R"("repoURL":"https://bitbucket.org/acme/shop")");
  std::size_t reads = 0;
  std::size_t readable = 3;
  const ScriptedApi api([&](const std::string& path, const auto&) {
    const bool is_secret = path == "/api/v1/namespaces/p/secrets/s";
    if (is_secret && ++reads > readable) return ScriptedApi::forbidden("the Secret");
    return world.answer(path);
  });
  world.base = api.origin();
  const auto check = [&] {
    reads = 0;
    Terminal terminal({}, {{"BITBUCKET_TOKEN", "t"}, {"HTTPS_PROXY", api.origin()}});
    terminal.context.kubeconfig = api.kubeconfig();
    CHECK(terminal.run({"receiverctl", "check", "-n", "p", "--service-account", "kargo/a"}) == 1);
    return terminal.out.str();
  };
  CHECK_THAT(check(), Contains("webhooks of p/bb"));
  CHECK(reads == 3);  // of the receiver, of its token, and of the other keys

  readable = 2;
  CHECK_THAT(check(), Contains("Bitbucket of p/bb") &&
                          Contains("Secret p/s cannot be read: the Secret is forbidden") &&
                          !Contains("webhooks of p/bb"));
}

TEST_CASE("after Ctrl-C, receivers tells whose webhooks Bitbucket was not asked for") {
  World world;
  world.projects = {"p", "q"};
  world.more_keys = R"(,"bitbucket.token":"dG9rZW4=","bitbucket.register":"dHJ1ZQ==")";
  for (const std::string& project : world.projects) {
    world.add_warehouse("w", R"("repoURL":"https://bitbucket.org/acme/shop")", project);
  }
  const ScriptedApi api([&](const std::string& path, const auto&) {
    if (path.starts_with("api.bitbucket.org:")) (void)std::raise(SIGINT);  // as its proxy
    return world.answer(path);
  });
  Terminal terminal({}, {{"HTTPS_PROXY", api.origin()}});
  terminal.context.kubeconfig = api.kubeconfig();
  CHECK(terminal.run({"receiverctl", "receivers", "--webhooks"}) == 130);
  const Interruption forgotten;  // by the tests that follow
  CHECK_THAT(terminal.out.str(), Contains(" 0/1         acme/shop: interrupted\n") &&
                                     Contains(" not asked   interrupted\n"));
  const std::vector<std::string> requests = api.requests();
  CHECK(std::ranges::count_if(requests, [](const std::string& request) {
          return request.starts_with("CONNECT ");
        }) == 1);
}

TEST_CASE("the option -v tells every request, and no secret") {
  World world;
  world.add_warehouse("w", R"("repoURL":"https://bitbucket.org/acme/shop")");
  const ScriptedApi api([&](const std::string& path, const auto&) { return world.answer(path); });
  world.base = api.origin();
  CHECK(run(api, {"receivers", "-n", "p"}).err.empty());
  const Ended told = run(api, {"check", "-n", "p", "--service-account", "kargo/a", "-v"});
  CHECK_THAT(told.err, Contains("GET " + api.origin() + "/version 200 in ") &&
                           Contains("GET " + api.origin() + "/… 200 in "));
  CHECK_THAT(told.err, Contains("/namespaces/p/projectconfigs?limit=500 200 in "));
  const std::string hex = controllers::receiver_path({world.base, ""}, "p", "bb", kKey)
                              .substr(std::string("/bitbucket/").size());
  for (const std::string& secret : {std::string("the-token-of-the-test"), std::string(kKey), hex}) {
    CHECK_THAT(told.err, !Contains(secret));
  }
}

TEST_CASE("the option --request-timeout ends every request, also of a list") {
  World world;
  for (const std::string& path :
       std::vector<std::string>{"/version", std::string(kKargo) + "/namespaces/p/projectconfigs",
                                "/api/v1/namespaces/p/secrets/s"}) {
    CAPTURE(path);
    world.hangs = path;
    const ScriptedApi api(
        [&](const std::string& asked, const auto&) { return world.answer(asked); });
    const auto begun = Clock::now();
    const bool of_version = path == "/version";
    const Ended ended =
        of_version ? run(api, {"version", "--request-timeout", "200ms", "-v"})
                   : run(api, {"receivers", "-n", "p", "--request-timeout", "200ms", "-v"});
    CHECK(ended.code == 3);
    CHECK_THAT(ended.err, Contains(path) && Contains(" no answer in "));
    CHECK(Clock::now() - begun < 5s);
  }
}

}  // namespace receiver::ctl
