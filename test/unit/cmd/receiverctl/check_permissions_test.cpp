#include "cmd/receiverctl/check_permissions.h"

#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/unit/cmd/receiverctl/scripted_api.h"
#include "test/unit/cmd/receiverctl/terminal.h"

namespace receiver::ctl {
namespace {

using Catch::Contains;
using Deployment = std::optional<OperatorDeployment>;

kube::ApiError refused(unsigned status) {
  return kube::error_from_answer(status, "", R"({"kind":"Status","message":"words of the server"})",
                                 {});
}

OperatorDeployment deployment(std::int64_t ready) {
  OperatorDeployment made;
  made.key = {"kargo", "bitbucket-receiver"};
  made.service_account = "kargo-hooks";
  made.replicas = 2;
  made.ready = ready;
  return made;
}

constexpr const char* kDeployment =
    R"({"metadata":{"name":"bitbucket-receiver","namespace":"kargo"},"spec":{"replicas":1,
       "template":{"spec":{"serviceAccountName":"hooks"}}},"status":{"readyReplicas":1}})";

/// An API server's answers about the operator's account.
struct Rights {
  std::string projects{};  ///< ProjectConfigs
  /// How many of the first reviews are denied.
  int denied = 0;
  bool sees_deployments = true;
  bool has_deployment = true;
  bool has_account = true;
  bool may_ask = true;
};

struct Checked {
  std::vector<std::string> told;  ///< `LEVEL SUBJECT: MESSAGE`
  std::vector<std::string> requests;
};

Checked check_with(const Rights& rights, CheckOptions options) {
  int reviews = 0;
  const ScriptedApi api([&](const std::string& path, const std::string&) -> ScriptedApi::Answer {
    if (path.ends_with("/deployments")) {
      if (!rights.sees_deployments) return ScriptedApi::forbidden("deployments.apps");
      return ScriptedApi::list(rights.has_deployment ? kDeployment : "");
    }
    if (path.find("/serviceaccounts/") != std::string::npos) {
      return rights.has_account ? ScriptedApi::Answer{200, "{}"} : ScriptedApi::Answer{};
    }
    if (path.ends_with("accessreviews")) {
      if (!rights.may_ask) return ScriptedApi::forbidden("subjectaccessreviews");
      const bool allowed = ++reviews > rights.denied;
      return {201, fmt::format(R"({{"status":{{"allowed":{}}}}})", allowed)};
    }
    return ScriptedApi::list(path.ends_with("/projectconfigs") ? rights.projects : "");
  });
  Terminal terminal;
  terminal.context.kubeconfig = api.kubeconfig();
  const auto cluster = Cluster::connect(terminal.context);
  REQUIRE(cluster);
  options.pod_namespace = "kargo";
  Findings findings;
  const auto account = operator_account(**cluster, options, findings);
  if (account) check_permissions(**cluster, options, *account, "", findings);
  Checked checked;
  for (const Finding& finding : findings) {
    const char* level = finding.level == Level::kOk        ? "ok"
                        : finding.level == Level::kWarning ? "warning"
                                                           : "failure";
    checked.told.push_back(fmt::format("{} {}: {}", level, finding.subject, finding.message));
    CHECK(finding.remedy.empty() == (finding.level == Level::kOk));
  }
  checked.requests = api.requests();
  return checked;
}

}  // namespace

TEST_CASE("the account that is looked at is that of the operator's Deployment") {
  const Checked checked = check_with({}, {});
  CHECK(checked.told.at(0) ==
        "ok Deployment: kargo/bitbucket-receiver has 1 of 1 replicas ready, and the account "
        "kargo/hooks");
  CHECK(checked.told.size() > 5);
  for (std::size_t i = 1; i < checked.told.size(); ++i) {
    CHECK_THAT(checked.told[i], Catch::StartsWith("ok permission of kargo/hooks: "));
  }
  for (const std::string& request : checked.requests) {
    CHECK_THAT(request, !Contains("selfsubjectaccessreviews"));
  }
}

TEST_CASE(
    "the operator's own pod asks for itself, and an account that is named is taken as it is") {
  CheckOptions own;
  own.in_operators_pod = true;
  const Checked of_pod = check_with({.sees_deployments = false}, own);
  CHECK_THAT(of_pod.told.front(), Catch::StartsWith("ok permission: "));
  CHECK_THAT(of_pod.requests.back(), Contains("/selfsubjectaccessreviews"));

  CheckOptions named = own;
  named.service_account = "other/account";
  const Checked of_account = check_with({.sees_deployments = false}, named);
  CHECK_THAT(of_account.told.front(), Catch::StartsWith("ok permission of other/account: "));
}

TEST_CASE("an account that does not exist is a failure, whatever roles are bound to it") {
  for (const char* named : {"", "kargo/hooks"}) {
    CheckOptions options;
    options.service_account = named;
    const Checked checked = check_with({.has_account = false}, options);
    CHECK(checked.told.back() ==
          "failure account: kargo/hooks does not exist: no pod can run under it");
    for (const std::string& line : checked.told) CHECK_THAT(line, !Contains("permission"));
  }
}

TEST_CASE("only the verbs that are missing are told") {
  const Checked checked = check_with({.denied = 1}, {});
  CHECK(checked.told.at(1) ==
        "failure permission of kargo/hooks: missing: list projectconfigs.kargo.akuity.io "
        "everywhere");
  CHECK_THAT(checked.told.at(2), Catch::StartsWith("ok "));
}

TEST_CASE("Secrets are needed where a project declares a Bitbucket receiver") {
  const auto project = [](const char* name, const char* product) {
    return fmt::format(
        R"({{"metadata":{{"name":"{0}","namespace":"{0}","uid":"{0}","resourceVersion":"1"}},)"
        R"("spec":{{"webhookReceivers":[{{"name":"r","{1}":{{"secretRef":{{"name":"s"}}}}}}]}}}})",
        name, product);
  };
  const Checked checked = check_with(
      {.projects = project("apples", "bitbucket") + "," + project("pears", "github")}, {});
  std::vector<std::string> secrets;
  for (const std::string& line : checked.told) {
    const std::size_t at = line.find("secrets in ");
    if (at != std::string::npos) secrets.push_back(line.substr(at));
  }
  CHECK(secrets == std::vector<std::string>{"secrets in apples"});
}

TEST_CASE("who may not ask is told what asking takes, in one line") {
  const Checked blind = check_with({.sees_deployments = false}, {});
  CHECK(blind.told ==
        std::vector<std::string>{"warning Deployment: the operator's account is not known: "
                                 "reading it needs `list deployments.apps` in kargo"});
  const Checked mute = check_with({.may_ask = false}, {});
  REQUIRE(mute.told.size() == 2);
  CHECK(mute.told.back() ==
        "warning permission of kargo/hooks: not known: checking it needs `create "
        "subjectaccessreviews.authorization.k8s.io`, which you do not have");
  const Checked nobody = check_with({.has_deployment = false}, {});
  REQUIRE(nobody.told.size() == 1);
  CHECK_THAT(nobody.told.front(), Contains("no Deployment in kargo has the label "
                                           "app.kubernetes.io/name=bitbucket-receiver"));
}

TEST_CASE("the answer to the question for the Deployment is judged") {
  CHECK(judge_deployment(Deployment(deployment(2)), "kargo").level == Level::kOk);
  const Finding fewer = judge_deployment(Deployment(deployment(1)), "kargo");
  CHECK(fewer.level == Level::kWarning);
  CHECK_THAT(fewer.message, Contains("1 of 2 replicas ready"));
  CHECK(judge_deployment(Deployment(), "kargo").level == Level::kWarning);
  const Finding broken = judge_deployment(tl::unexpected(refused(500)), "kargo");
  CHECK(broken.level == Level::kWarning);
  CHECK_THAT(broken.message, Contains("words of the server"));
}

TEST_CASE("a missing account is reported, and no other") {
  const Findings missing = judge_account("kargo/a", tl::unexpected(refused(404)));
  REQUIRE(missing.size() == 1);
  CHECK(missing.front().level == Level::kFailure);
  CHECK_THAT(missing.front().message, Contains("kargo/a does not exist"));
  CHECK_THAT(missing.front().remedy, Contains("serviceAccount.create=true"));
  CHECK(judge_account("kargo/a", tl::unexpected(refused(403))).empty());
  CHECK(judge_account("kargo/a", std::string("{}")).empty());
}

TEST_CASE("a review that fails is a failure, one that is refused is no verdict") {
  CHECK(judge_review_error(refused(403), "", "kargo").level == Level::kWarning);
  CHECK_THAT(judge_review_error(refused(403), "", "kargo").message,
             Contains("create selfsubjectaccessreviews"));
  const Finding broken = judge_review_error(refused(500), "kargo/a", "kargo");
  CHECK(broken.level == Level::kFailure);
  CHECK_THAT(broken.message, Contains("words of the server"));
}

}  // namespace receiver::ctl
