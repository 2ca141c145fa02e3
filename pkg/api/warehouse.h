#pragma once

#include <string>
#include <vector>

#include <rapidjson/document.h>
#include <tl/expected.hpp>

#include "git/ref_selector.h"
#include "json/json.h"
#include "kube/object_key.h"

namespace receiver::api {

/// The Git subscriptions of a Warehouse. Images, charts and custom subscriptions are not kept.
struct Warehouse {
  kube::ObjectKey key;
  std::vector<git::Subscription> subscriptions;
  friend bool operator==(const Warehouse&, const Warehouse&) = default;
};

[[nodiscard]] const json::Projection& warehouse_projection();
[[nodiscard]] tl::expected<Warehouse, std::string> decode_warehouse(const kube::ObjectMeta& meta,
                                                                    const rapidjson::Value& object);

}  // namespace receiver::api
