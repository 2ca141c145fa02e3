#pragma once

#include <optional>
#include <string>

#include "cmd/receiverctl/check.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/findings.h"
#include "cmd/receiverctl/operator_deployment.h"
#include "cmd/receiverctl/permissions.h"
#include "kube/error.h"

/// The part of `check` that checks the permissions of the operator's account, not the caller's.
namespace receiver::ctl {

/// The account whose permissions to check: `NAMESPACE/NAME`, from `--service-account` or the
/// operator's Deployment; empty in the operator's own pod, which may ask for itself. Nothing if it
/// is not known or does not exist, which is a finding.
[[nodiscard]] std::optional<std::string> operator_account(Cluster& cluster,
                                                          const CheckOptions& options,
                                                          Findings& findings);

/// Checks the permissions that the operator always needs.
void check_permissions(Cluster& cluster, const CheckOptions& options, const std::string& account,
                       const std::string& system_namespace, Findings& findings);
/// Checks the permissions that it also needs if a receiver registers its webhooks.
void check_registration(Cluster& cluster, const CheckOptions& options, const std::string& account,
                        Findings& findings);

/// Judges the answer to the search for the operator's Deployment in that namespace.
[[nodiscard]] Finding judge_deployment(
    const kube::ApiResult<std::optional<OperatorDeployment>>& answer, const std::string& ns);
/// Judges the answer to the request for the account. No finding unless it is missing.
[[nodiscard]] Findings judge_account(const std::string& account,
                                     const kube::ApiResult<std::string>& answer);
/// Judges the error of a review of that account's permissions; empty: the caller's own.
[[nodiscard]] Finding judge_review_error(const kube::ApiError& error, const std::string& account,
                                         const std::string& ns);

}  // namespace receiver::ctl
