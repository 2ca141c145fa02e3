#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <CLI/App.hpp>
#include <rapidjson/document.h>

#include "cmd/receiverctl/cluster.h"
#include "kube/error.h"
#include "kube/object_key.h"

/// The operator as the chart installs it, found from outside by its labels.
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

/// Finds it in the namespace; nothing if no Deployment has the label.
[[nodiscard]] kube::ApiResult<std::optional<OperatorDeployment>> find_operator(
    Cluster& cluster, const std::string& ns);

/// The first by name in a list of Deployments. Pure.
[[nodiscard]] std::optional<OperatorDeployment> operator_among(std::string_view json);

/// Of a pod's containers, the operator's: the one with the chart's name for it, otherwise the
/// first. Null if there is none. Pure.
[[nodiscard]] const rapidjson::Value* operator_container(const rapidjson::Value* containers);

/// Adds --operator-namespace, with the operator's own default.
void add_operator_namespace(CLI::App& command, const Context& context, std::string& ns);

}  // namespace receiver::ctl
