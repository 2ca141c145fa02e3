#pragma once

#include <compare>

#include "api/receiver_owner.h"
#include "kube/object_key.h"
#include "kube/resource.h"

namespace receiver::controllers {

enum class TargetKind { kWarehouse, kPromotion };

/// An object to refresh.
struct Target {
  TargetKind kind = TargetKind::kWarehouse;
  kube::ObjectKey key;
  friend auto operator<=>(const Target&, const Target&) = default;
};

[[nodiscard]] inline kube::Resource resource_of(TargetKind kind) {
  return api::kargo_resource(kind == TargetKind::kWarehouse ? "warehouses" : "promotions");
}

}  // namespace receiver::controllers
