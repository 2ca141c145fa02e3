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

OperatorDeployment read_deployment(const rapidjson::Value& object) {
  OperatorDeployment found;
  found.key = {text_at(object, "/metadata/namespace"), text_at(object, "/metadata/name")};
  // `/` is written `~1` in a JSON pointer.
  found.version = text_at(object, "/metadata/labels/app.kubernetes.io~1version");
  const auto* container = operator_container(json::find(object, "/spec/template/spec/containers"));
  if (container != nullptr) found.image = text_at(*container, "/image");
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

const rapidjson::Value* operator_container(const rapidjson::Value* containers) {
  if (containers == nullptr || !containers->IsArray()) return nullptr;
  const rapidjson::Value* found = nullptr;
  for (const auto& container : containers->GetArray()) {
    const bool is_operator = json::string_at(container, "/name") == kOperatorContainer;
    if (is_operator || found == nullptr) found = &container;
  }
  return found;
}

void add_operator_namespace(CLI::App& command, const Context& context, std::string& ns) {
  ns = context.environment("POD_NAMESPACE").value_or("kargo");
  command
      .add_option("--operator-namespace", ns,
                  "Where the operator runs. If not given: POD_NAMESPACE, or kargo.")
      ->option_text("NAMESPACE");
}

}  // namespace receiver::ctl
