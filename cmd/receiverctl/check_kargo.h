#pragma once

#include <string>
#include <string_view>

#include "cmd/receiverctl/check.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/findings.h"

/// The part of `check` that looks at what Kargo's chart brings.
namespace receiver::ctl {

/// Checks that the operator supports Kargo's version, if Kargo's chart names it.
void check_kargo(Cluster& cluster, const CheckOptions& options, Findings& findings);

/// The version in the labels of an object of Kargo's chart; empty for other objects.
[[nodiscard]] std::string kargo_version_of(const std::string& json);
/// No finding if the version cannot be read.
[[nodiscard]] Findings judge_kargo(std::string_view version);

}  // namespace receiver::ctl
