#include "cmd/receiverctl/versions.h"

#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "cmd/receiverctl/operator_deployment.h"
#include "cmd/version.h"
#include "test/support/receiverctl_schema.h"
#include "test/unit/cmd/receiverctl/scripted_api.h"

namespace receiver::ctl {
namespace {

using Catch::Contains;

/// As in the chart.
std::string deployment(const std::string& name, const std::string& version) {
  return fmt::format(
      R"({{"metadata":{{"name":"{}","namespace":"kargo","labels":{{"app.kubernetes.io/version":"{}"}}}},)"
      R"("spec":{{"replicas":2,"template":{{"spec":{{"serviceAccountName":"kargo-hooks","containers":[)"
      R"({{"name":"proxy","image":"proxy:1"}},{{"name":"receiver","image":"r.example.com/b:{}"}}]}}}}}},)"
      R"("status":{{"readyReplicas":1}}}})",
      name, version, version);
}

Ended told_versions(const ScriptedApi& api, std::vector<const char*> words = {}) {
  words.insert(words.begin(), "version");
  return run(api, std::move(words));
}

}  // namespace

TEST_CASE("the operator is the Deployment with the chart's label") {
  const auto found = operator_among(
      fmt::format(R"({{"items":[{},{}]}})", deployment("b", "1.0.0"), deployment("a", "2.0.0")));
  REQUIRE(found);
  CHECK(found->key.str() == "kargo/a");
  CHECK(found->version == "2.0.0");
  CHECK(found->image == "r.example.com/b:2.0.0");
  CHECK(found->account() == "kargo/kargo-hooks");
  CHECK(found->replicas == 2);
  CHECK(found->ready == 1);
  const auto bare = operator_among(
      R"({"items":[{"metadata":{"name":"a","namespace":"n"},"spec":{"template":{"spec":{
         "containers":[{"name":"x","image":"i"},{"name":"y","image":"j"}]}}}}]})");
  REQUIRE(bare);
  CHECK(bare->account() == "n/default");
  CHECK(bare->image == "i");
  CHECK(bare->version.empty());
  for (const char* none : {"", "{}", R"({"items":[]})", R"({"items":{}})"}) {
    CHECK_FALSE(operator_among(none));
  }
}

TEST_CASE("client, operator and API server tell their versions") {
  const ScriptedApi api([](const std::string& path, const std::string&) -> ScriptedApi::Answer {
    if (path == "/version") return {200, R"({"gitVersion":"v1.34.4"})"};
    if (path == "/apis/apps/v1/namespaces/kargo/deployments") {
      return ScriptedApi::list(deployment("bitbucket-receiver", "0.0.1"));
    }
    return {};
  });
  const Ended all = told_versions(api);
  CHECK(all.code == 0);
  CHECK(all.err.empty());
  CHECK_THAT(all.out,
             Catch::StartsWith(fmt::format("Client       {} (", version())) &&
                 Contains("\nOperator     0.0.1 (Deployment kargo/bitbucket-receiver, 1 of 2 "
                          "replicas ready, image r.example.com/b:0.0.1)\n") &&
                 Contains("\nAPI server   v1.34.4 (" + api.origin() + ")\n"));
  CHECK(api.requests().back() ==
        "GET /apis/apps/v1/namespaces/kargo/deployments?labelSelector=app.kubernetes.io%2Fname%3D"
        "bitbucket-receiver");
  const Ended json = told_versions(api, {"-o", "json"});
  CHECK(test::schema_problem(json.out) == "");
  const std::size_t before = api.requests().size();
  const Ended client = told_versions(api, {"--client"});
  CHECK(client.code == 0);
  CHECK(std::count(client.out.begin(), client.out.end(), '\n') == 1);
  CHECK(api.requests().size() == before);
}

TEST_CASE("what is not known of a version is told, and why") {
  const ScriptedApi hidden([](const std::string& path, const std::string&) -> ScriptedApi::Answer {
    if (path == "/version") return {200, R"({"gitVersion":"v1.34.4"})"};
    return ScriptedApi::forbidden("deployments.apps");
  });
  const Ended refused = told_versions(hidden);
  CHECK(refused.code == 0);
  CHECK_THAT(refused.out, Contains("\nOperator     unknown: deployments.apps is forbidden"));
  CHECK(test::schema_problem(told_versions(hidden, {"-o", "json"}).out) == "");

  const ScriptedApi bare([](const std::string& path, const std::string&) -> ScriptedApi::Answer {
    if (path == "/version") return {200, "{}"};
    return ScriptedApi::list("");
  });
  CHECK_THAT(told_versions(bare, {"--operator-namespace", "elsewhere"}).out,
             Contains("\nOperator     unknown: there is no Deployment with the label "
                      "app.kubernetes.io/name=bitbucket-receiver in elsewhere: ") &&
                 Contains("\nAPI server   unknown"));

  const ScriptedApi broken([](const std::string&, const std::string&) -> ScriptedApi::Answer {
    return {500, "{}"};
  });
  const Ended unreachable = told_versions(broken);
  CHECK(unreachable.code == 3);
  CHECK_THAT(unreachable.out, Catch::StartsWith("Client "));
  CHECK(std::count(unreachable.err.begin(), unreachable.err.end(), '\n') == 1);
}

TEST_CASE("versions that do not match are reported") {
  struct Row {
    const char* client;
    const char* other;
    const char* told;
  };
  for (const Row& row : std::vector<Row>{{"1.2.3", "1.2.9", ""},
                                         {"1.2.3", "v1.3.0", ""},
                                         {"1.2.3", "1.1.0", ""},
                                         {"1.2.4-dev.5", "1.2.3", ""},
                                         {"1.2.3", "1.4.0", "this receiverctl is older"},
                                         {"1.4.0", "1.2.3", "the operator is older"},
                                         {"2.0.0", "1.9.0", "the operator is older"},
                                         {"1.0.0", "2.0.0", "this receiverctl is older"},
                                         {"1.0.0", "", ""},
                                         {"1.0.0", "latest", ""}}) {
    CAPTURE(row.client, row.other);
    const std::string told = skew_advice(row.client, row.other);
    CHECK(told.empty() == std::string(row.told).empty());
    CHECK_THAT(told, Catch::StartsWith(row.told));
  }
}

}  // namespace receiver::ctl
