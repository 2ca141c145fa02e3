#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <CLI/App.hpp>

#include "cmd/receiverctl/cluster.h"
#include "kube/error.h"
#include "kube/object_key.h"

/// The operator as the chart has installed it: who looks from outside knows it by its labels.
namespace receiver::ctl {

/// What the chart's objects are labelled with, unless its value nameOverride says otherwise.
inline constexpr std::string_view kOperatorLabel = "app.kubernetes.io/name=bitbucket-receiver";
/// The chart's name of the operator's container.
inline constexpr std::string_view kOperatorContainer = "receiver";

struct OperatorDeployment {
  kube::ObjectKey key{};
  std::string version{};          ///< by its label
  std::string image{};            ///< of its container
  std::string service_account{};  ///< `default` where it names none
  std::int64_t replicas = 0;      ///< wanted
  std::int64_t ready = 0;

  /// `NAMESPACE/NAME` of the account.
  [[nodiscard]] std::string account() const { return key.ns + "/" + service_account; }
};

/// Of the namespace; nothing: none has the label. The error says who may not look.
[[nodiscard]] kube::ApiResult<std::optional<OperatorDeployment>> find_operator(
    Cluster& cluster, const std::string& ns);

/// Of a list of Deployments: the first by name. Pure.
[[nodiscard]] std::optional<OperatorDeployment> operator_among(std::string_view json);

/// Adds --operator-namespace, with the default that the operator itself has.
void add_operator_namespace(CLI::App& command, const Context& context, std::string& ns);

}  // namespace receiver::ctl
