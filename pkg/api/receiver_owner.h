#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>
#include <tl/expected.hpp>

#include "json/json.h"
#include "kube/event_series.h"
#include "kube/object_key.h"
#include "kube/resource.h"

namespace receiver::api {

/// A resource of `kargo.akuity.io/v1alpha1`.
[[nodiscard]] kube::Resource kargo_resource(std::string plural);

/// A merge patch that makes Kargo's controllers reconcile an object again; each token works once.
/// `token` needs no JSON escaping.
[[nodiscard]] std::string refresh_patch(std::string_view token);

/// One entry of spec.webhookReceivers.
struct Receiver {
  std::string name;
  bool bitbucket = false;   ///< false: of a type that Kargo serves
  std::string secret_name;  ///< only of a Bitbucket receiver
};

/// One entry of status.webhookReceivers.
struct PublishedReceiver {
  std::string name;
  std::string path;
  std::string url;
  std::string whole{};  ///< the whole entry, if it has more than these three strings
  friend bool operator==(const PublishedReceiver&, const PublishedReceiver&) = default;
};

/// metav1.Condition.
struct Condition {
  std::string type;
  std::string status;  ///< True, False or Unknown
  std::string reason;
  std::string message;
  std::string last_transition_time;      ///< RFC 3339
  std::int64_t observed_generation = 0;  ///< 0: none
  friend bool operator==(const Condition&, const Condition&) = default;
};

struct OwnerStatus {
  std::vector<PublishedReceiver> webhook_receivers;
  std::vector<Condition> conditions;
  std::int64_t observed_generation = 0;
  std::string last_handled_refresh;
  friend bool operator==(const OwnerStatus&, const OwnerStatus&) = default;
};

enum class OwnerKind { kProjectConfig, kClusterConfig };

/// A ProjectConfig or the ClusterConfig: it declares receivers and publishes their URLs.
struct ReceiverOwner {
  OwnerKind kind = OwnerKind::kProjectConfig;
  kube::ObjectMeta meta;
  std::string refresh;  ///< value of the refresh annotation
  std::vector<Receiver> receivers;
  OwnerStatus status;

  /// The namespace of a ProjectConfig; empty for the ClusterConfig.
  [[nodiscard]] const std::string& project() const { return meta.key.ns; }
  [[nodiscard]] bool has_bitbucket_receiver() const;
};

[[nodiscard]] std::string_view kind_name(OwnerKind kind);
/// The reference for Events about the object.
[[nodiscard]] kube::ObjectReference reference_to(const ReceiverOwner& owner);
[[nodiscard]] kube::Resource resource_of(OwnerKind kind);

/// The parts of a ProjectConfig or ClusterConfig that are read.
[[nodiscard]] const json::Projection& owner_projection();
[[nodiscard]] tl::expected<ReceiverOwner, std::string> decode_owner(OwnerKind kind,
                                                                    const kube::ObjectMeta& meta,
                                                                    const rapidjson::Value& object);

/// A merge patch of the status subresource that changes it to `to`, valid only for
/// `resource_version`.
[[nodiscard]] std::string status_patch(const OwnerStatus& to, const std::string& resource_version);

}  // namespace receiver::api
