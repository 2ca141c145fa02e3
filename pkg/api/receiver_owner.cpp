#include "api/receiver_owner.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace receiver::api {
namespace {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr std::array kEntryMembers{"name", "path", "url"};

void member(JsonWriter& json, const char* key, const std::string& value) {
  json.Key(key);
  json.String(value);
}

std::vector<Receiver> decode_receivers(const rapidjson::Value& object) {
  std::vector<Receiver> receivers;
  const rapidjson::Value* list = json::find(object, "/spec/webhookReceivers");
  if (list == nullptr || !list->IsArray()) return receivers;
  for (const rapidjson::Value& entry : list->GetArray()) {
    Receiver receiver;
    receiver.name = json::string_at(entry, "/name");
    const rapidjson::Value* bitbucket = json::find(entry, "/bitbucket");
    receiver.bitbucket = bitbucket != nullptr && bitbucket->IsObject();
    receiver.secret_name = json::string_at(entry, "/bitbucket/secretRef/name");
    receivers.push_back(std::move(receiver));
  }
  return receivers;
}

bool is_plain(const rapidjson::Value& entry) {
  if (!entry.IsObject() || entry.MemberCount() != 3) return false;
  return std::all_of(kEntryMembers.begin(), kEntryMembers.end(), [&](const char* name) {
    const auto found = entry.FindMember(name);
    return found != entry.MemberEnd() && found->value.IsString();
  });
}

OwnerStatus decode_status(const rapidjson::Value& object) {
  OwnerStatus status;
  status.observed_generation = json::int_at(object, "/status/observedGeneration").value_or(0);
  status.last_handled_refresh = json::string_at(object, "/status/lastHandledRefresh");
  if (const rapidjson::Value* list = json::find(object, "/status/webhookReceivers");
      list != nullptr && list->IsArray()) {
    for (const rapidjson::Value& entry : list->GetArray()) {
      PublishedReceiver receiver{std::string(json::string_at(entry, "/name")),
                                 std::string(json::string_at(entry, "/path")),
                                 std::string(json::string_at(entry, "/url"))};
      if (!is_plain(entry)) receiver.whole = json::to_text(entry);
      status.webhook_receivers.push_back(std::move(receiver));
    }
  }
  if (const rapidjson::Value* list = json::find(object, "/status/conditions");
      list != nullptr && list->IsArray()) {
    for (const rapidjson::Value& entry : list->GetArray()) {
      status.conditions.push_back({std::string(json::string_at(entry, "/type")),
                                   std::string(json::string_at(entry, "/status")),
                                   std::string(json::string_at(entry, "/reason")),
                                   std::string(json::string_at(entry, "/message")),
                                   std::string(json::string_at(entry, "/lastTransitionTime")),
                                   json::int_at(entry, "/observedGeneration").value_or(0)});
    }
  }
  return status;
}

}  // namespace

kube::Resource kargo_resource(std::string plural) {
  return {"kargo.akuity.io", "v1alpha1", std::move(plural)};
}

kube::ObjectReference reference_to(const ReceiverOwner& owner) {
  return {"kargo.akuity.io/v1alpha1", std::string(kind_name(owner.kind)), owner.meta.key,
          owner.meta.uid, owner.meta.resource_version};
}

kube::Resource resource_of(OwnerKind kind) {
  return kargo_resource(kind == OwnerKind::kProjectConfig ? "projectconfigs" : "clusterconfigs");
}

std::string refresh_patch(std::string_view token) {
  return fmt::format(R"({{"metadata":{{"annotations":{{"kargo.akuity.io/refresh":"{}"}}}}}})",
                     token);
}

bool ReceiverOwner::has_bitbucket_receiver() const {
  return std::any_of(receivers.begin(), receivers.end(),
                     [](const Receiver& receiver) { return receiver.bitbucket; });
}

std::string_view kind_name(OwnerKind kind) {
  return kind == OwnerKind::kProjectConfig ? "ProjectConfig" : "ClusterConfig";
}

const json::Projection& owner_projection() {
  static const json::Projection projection{
      "/metadata/annotations/kargo.akuity.io~1refresh",
      "/spec/webhookReceivers/*/name",
      "/spec/webhookReceivers/*/bitbucket",
      "/status/webhookReceivers",
      "/status/conditions",
      "/status/observedGeneration",
      "/status/lastHandledRefresh",
  };
  return projection;
}

tl::expected<ReceiverOwner, std::string> decode_owner(OwnerKind kind, const kube::ObjectMeta& meta,
                                                      const rapidjson::Value& object) {
  ReceiverOwner owner;
  owner.kind = kind;
  owner.meta = meta;
  owner.refresh = json::string_at(object, "/metadata/annotations/kargo.akuity.io~1refresh");
  owner.receivers = decode_receivers(object);
  owner.status = decode_status(object);
  return owner;
}

std::string status_patch(const OwnerStatus& to, const std::string& resource_version) {
  rapidjson::StringBuffer buffer;
  JsonWriter json(buffer);
  json.StartObject();
  json.Key("metadata");
  json.StartObject();
  member(json, "resourceVersion", resource_version);
  json.EndObject();
  json.Key("status");
  json.StartObject();
  json.Key("webhookReceivers");
  if (to.webhook_receivers.empty()) {
    json.Null();
  } else {
    json.StartArray();
    for (const PublishedReceiver& receiver : to.webhook_receivers) {
      if (!receiver.whole.empty()) {
        json.RawValue(receiver.whole.data(), receiver.whole.size(), rapidjson::kObjectType);
        continue;
      }
      json.StartObject();
      member(json, "name", receiver.name);
      member(json, "path", receiver.path);
      member(json, "url", receiver.url);
      json.EndObject();
    }
    json.EndArray();
  }
  json.Key("conditions");
  json.StartArray();
  for (const Condition& condition : to.conditions) {
    json.StartObject();
    member(json, "type", condition.type);
    member(json, "status", condition.status);
    member(json, "reason", condition.reason);
    member(json, "message", condition.message);
    member(json, "lastTransitionTime", condition.last_transition_time);
    if (condition.observed_generation != 0) {
      json.Key("observedGeneration");
      json.Int64(condition.observed_generation);
    }
    json.EndObject();
  }
  json.EndArray();
  json.Key("observedGeneration");
  json.Int64(to.observed_generation);
  json.Key("lastHandledRefresh");
  if (to.last_handled_refresh.empty()) {
    json.Null();
  } else {
    json.String(to.last_handled_refresh);
  }
  json.EndObject();
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace receiver::api
