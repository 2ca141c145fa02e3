#pragma once

#include <optional>
#include <string>

#include "cmd/receiverctl/check.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/findings.h"
#include "cmd/receiverctl/operator_deployment.h"
#include "cmd/receiverctl/permissions.h"
#include "kube/error.h"

/// The part of `check` that looks at what the operator may do: its account, not whoever asks.
namespace receiver::ctl {

/// Whose permissions are to be looked at: `NAMESPACE/NAME`, by `--service-account` or by the
/// operator's Deployment; empty in the operator's own pod, which may ask for itself. Nothing: not
/// known, or there is no such account, which is told.
[[nodiscard]] std::optional<std::string> operator_account(Cluster& cluster,
                                                          const CheckOptions& options,
                                                          Findings& findings);

/// What the operator always needs, of that account.
void check_permissions(Cluster& cluster, const CheckOptions& options, const std::string& account,
                       const std::string& system_namespace, Findings& findings);
/// What it needs beside that where a receiver registers its webhooks.
void check_registration(Cluster& cluster, const CheckOptions& options, const std::string& account,
                        Findings& findings);

/// Of the answer to the question for the operator's Deployment in that namespace.
[[nodiscard]] Finding judge_deployment(
    const kube::ApiResult<std::optional<OperatorDeployment>>& answer, const std::string& ns);
/// Of the answer to the request for the account. Silent unless it is missing.
[[nodiscard]] Findings judge_account(const std::string& account,
                                     const kube::ApiResult<std::string>& answer);
/// Of the first refusal to review permissions of that account, empty for one's own.
[[nodiscard]] Finding judge_review_error(const kube::ApiError& error, const std::string& account,
                                         const std::string& ns);

}  // namespace receiver::ctl
