#include "cmd/receiverctl/check_permissions.h"

#include <functional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "json/json.h"

namespace receiver::ctl {
namespace {

using kube::ApiError;

std::string subject_of(const std::string& account) {
  return account.empty() ? "permission" : "permission of " + account;
}

/// The verbs that are denied; the error says why the review failed.
kube::ApiResult<std::vector<std::string>> denied_verbs(Cluster& cluster,
                                                       const Permission& permission,
                                                       const std::string& account) {
  std::vector<std::string> denied;
  const std::string target = fmt::format("/apis/authorization.k8s.io/v1/{}subjectaccessreviews",
                                         account.empty() ? "self" : "");
  for (const std::string& verb : permission.verbs) {
    const auto answer =
        cluster.await(cluster.rest().post(target, access_review(permission, verb, account)));
    if (!answer) return tl::unexpected(answer.error());
    const auto review = json::parse(*answer);
    if (!review) {
      return tl::unexpected(kube::make_error(ApiError::Kind::kMalformed, review.error()));
    }
    if (!json::bool_at(*review, "/status/allowed")) denied.push_back(verb);
  }
  return denied;
}

/// `is_missing` judges a permission with its denied verbs.
void check_each(Cluster& cluster, const CheckOptions& options, const std::string& account,
                std::vector<Permission> permissions,
                const std::function<Finding(const Permission&)>& is_missing, Findings& findings) {
  const std::string subject = subject_of(account);
  for (Permission& permission : permissions) {
    const auto denied = denied_verbs(cluster, permission, account);
    if (!denied) {
      // The error is the same for all permissions.
      findings.push_back(judge_review_error(denied.error(), account, options.pod_namespace));
      return;
    }
    if (denied->empty()) {
      ok(findings, subject, permission.str());
      continue;
    }
    permission.verbs = *denied;
    Finding& missing = findings.emplace_back(is_missing(permission));
    missing.subject = subject;
  }
}

Finding missing_always(const Permission& permission) {
  const bool secrets = permission.resource == "secrets";
  return {Level::kFailure, "", "missing: " + permission.str(),
          secrets
              ? "name the project in the chart's `projects`, or bind a role there that allows it"
              : "install the chart's roles, or bind others that allow it"};
}

Finding missing_for_registration(const Permission& permission) {
  return {Level::kWarning, "",
          "missing: " + permission.str() +
              ", so webhooks get the events of pull requests only once a promotion waits for one",
          "set the chart's bitbucket.registration=true, or bind a role that allows it"};
}

kube::ApiResult<std::string> read_account(Cluster& cluster, const std::string& account) {
  const kube::Resource accounts{"", "v1", "serviceaccounts"};
  const std::size_t slash = account.find('/');
  return cluster.get(accounts.path({account.substr(0, slash), account.substr(slash + 1)}));
}

}  // namespace

std::optional<std::string> operator_account(Cluster& cluster, const CheckOptions& options,
                                            Findings& findings) {
  std::string account = options.service_account;
  if (account.empty() && (cluster.is_in_cluster() || options.in_operators_pod)) return account;
  if (account.empty()) {
    const auto answer = find_operator(cluster, options.pod_namespace);
    findings.push_back(judge_deployment(answer, options.pod_namespace));
    if (!answer || !*answer) return std::nullopt;
    account = (*answer)->account();
  }
  const Findings missing = judge_account(account, read_account(cluster, account));
  findings.insert(findings.end(), missing.begin(), missing.end());
  // Reviews of an account that does not exist succeed, and mean nothing.
  return missing.empty() ? std::optional(account) : std::nullopt;
}

void check_permissions(Cluster& cluster, const CheckOptions& options, const std::string& account,
                       const std::string& system_namespace, Findings& findings) {
  std::set<std::string> namespaces;
  if (!system_namespace.empty()) namespaces.insert(system_namespace);
  if (const auto owners = cluster.owners(options.project)) {
    for (const api::ReceiverOwner& owner : *owners) {
      if (owner.has_bitbucket_receiver() && !owner.project().empty()) {
        namespaces.insert(owner.project());
      }
    }
  }
  check_each(cluster, options, account,
             needed_permissions(rbac_files(), {options.pod_namespace,
                                               {namespaces.begin(), namespaces.end()},
                                               options.all_secrets}),
             missing_always, findings);
}

void check_registration(Cluster& cluster, const CheckOptions& options, const std::string& account,
                        Findings& findings) {
  check_each(cluster, options, account, registration_permissions(rbac_files()),
             missing_for_registration, findings);
}

Finding judge_deployment(const kube::ApiResult<std::optional<OperatorDeployment>>& answer,
                         const std::string& ns) {
  const std::string subject = "Deployment";
  const std::string remedy =
      "--operator-namespace names another namespace, --service-account NAMESPACE/NAME the account";
  if (!answer) {
    const std::string what = "the operator's account is not known";
    if (answer.error().kind != ApiError::Kind::kForbidden) {
      return {Level::kWarning, subject, fmt::format("{}: {}", what, answer.error().message),
              "try again"};
    }
    return {Level::kWarning, subject,
            fmt::format("{}: reading it needs `list deployments.apps` in {}", what, ns),
            "set --service-account NAMESPACE/NAME, or use an account with this permission"};
  }
  if (!*answer) {
    return {Level::kWarning, subject,
            fmt::format("the operator's account is not known: no Deployment in {} has the label {}",
                        ns, kOperatorLabel),
            remedy};
  }
  const OperatorDeployment& found = **answer;
  const std::string text =
      fmt::format("{} has {} of {} replicas ready, and the account {}", found.key.str(),
                  found.ready, found.replicas, found.account());
  if (found.ready >= found.replicas) return {Level::kOk, subject, text};
  return {Level::kWarning, subject, text, "see `kubectl get pods`, and the operator's log"};
}

Findings judge_account(const std::string& account, const kube::ApiResult<std::string>& answer) {
  Findings findings;
  if (!answer && answer.error().kind == ApiError::Kind::kNotFound) {
    fail(findings, "account", fmt::format("{} does not exist: no pod can run under it", account),
         "Kargo's chart creates Kargo's account while its webhook server is enabled; otherwise "
         "install the operator's chart with serviceAccount.create=true");
  }
  return findings;
}

Finding judge_review_error(const ApiError& error, const std::string& account,
                           const std::string& ns) {
  const std::string subject = subject_of(account);
  if (error.kind != ApiError::Kind::kForbidden) {
    return {Level::kFailure, subject, "cannot be checked: " + error.message, "try again"};
  }
  return {Level::kWarning, subject,
          fmt::format("not known: checking it needs `create {}subjectaccessreviews."
                      "authorization.k8s.io`, which you do not have",
                      account.empty() ? "self" : ""),
          fmt::format("ask an administrator; the operator's pod can check its own: `kubectl -n {} "
                      "exec deploy/bitbucket-receiver -- receiverctl check`",
                      ns)};
}

}  // namespace receiver::ctl
