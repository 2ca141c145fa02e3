#include "cmd/receiverctl/operator_deployment.h"

#include <fmt/format.h>

#include "json/json.h"
#include "kube/resource.h"
#include "text/percent.h"

namespace receiver::ctl {
namespace {

std::string text_at(const rapidjson::Value& object, const char* pointer) {
  return std::string(json::string_at(object, pointer));
}

/// Of the operator's container; of the first one, if none has the chart's name for it.
std::string image_of(const rapidjson::Value& object) {
  std::string image;
  const rapidjson::Value* containers = json::find(object, "/spec/template/spec/containers");
  if (containers == nullptr || !containers->IsArray()) return image;
  for (const auto& container : containers->GetArray()) {
    const bool is_operator = json::string_at(container, "/name") == kOperatorContainer;
    if (is_operator || image.empty()) image = text_at(container, "/image");
  }
  return image;
}

OperatorDeployment read_deployment(const rapidjson::Value& object) {
  OperatorDeployment found;
  found.key = {text_at(object, "/metadata/namespace"), text_at(object, "/metadata/name")};
  // `/` is written `~1` in a JSON pointer.
  found.version = text_at(object, "/metadata/labels/app.kubernetes.io~1version");
  found.image = image_of(object);
  found.service_account = text_at(object, "/spec/template/spec/serviceAccountName");
  if (found.service_account.empty()) found.service_account = "default";
  found.replicas = json::int_at(object, "/spec/replicas").value_or(0);
  found.ready = json::int_at(object, "/status/readyReplicas").value_or(0);
  return found;
}

}  // namespace

kube::ApiResult<std::optional<OperatorDeployment>> find_operator(Cluster& cluster,
                                                                 const std::string& ns) {
  const kube::Resource deployments{"apps", "v1", "deployments"};
  const auto answer = cluster.get(fmt::format("{}?labelSelector={}", deployments.path(ns),
                                              text::percent_encode(kOperatorLabel)));
  if (!answer) return tl::unexpected(answer.error());
  return operator_among(*answer);
}

std::optional<OperatorDeployment> operator_among(std::string_view json) {
  const auto list = json::parse(json);
  const rapidjson::Value* items = list ? json::find(*list, "/items") : nullptr;
  if (items == nullptr || !items->IsArray()) return std::nullopt;
  std::optional<OperatorDeployment> first;
  for (const auto& item : items->GetArray()) {
    auto found = read_deployment(item);
    if (!first || found.key < first->key) first = std::move(found);
  }
  return first;
}

void add_operator_namespace(CLI::App& command, const Context& context, std::string& ns) {
  ns = context.environment("POD_NAMESPACE").value_or("kargo");
  command
      .add_option("--operator-namespace", ns,
                  "Where the operator runs. If not given: POD_NAMESPACE, or kargo.")
      ->option_text("NAMESPACE");
}

}  // namespace receiver::ctl
