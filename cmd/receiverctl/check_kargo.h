#pragma once

#include <string>
#include <string_view>

#include "cmd/receiverctl/check.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/findings.h"

/// The part of `check` that looks at what Kargo's chart brings.
namespace receiver::ctl {

/// Kargo's version, where its chart has written it down, is one for the operator.
void check_kargo(Cluster& cluster, const CheckOptions& options, Findings& findings);

/// The version by the labels of an object of Kargo's chart; empty if it is no such object.
[[nodiscard]] std::string kargo_version_of(const std::string& json);
/// Where no version of Kargo can be read, nothing is found.
[[nodiscard]] Findings judge_kargo(std::string_view version);

}  // namespace receiver::ctl
