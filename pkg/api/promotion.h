#pragma once

#include <string>
#include <vector>

#include <rapidjson/document.h>
#include <tl/expected.hpp>

#include "json/json.h"
#include "kube/object_key.h"

namespace receiver::api {

/// The pull requests that a running Promotion waits for, or has waited for, up to its current step.
struct Promotion {
  kube::ObjectKey key;
  std::vector<std::string>
      pull_request_urls;  ///< as written; empty unless the Promotion is running
  friend bool operator==(const Promotion&, const Promotion&) = default;
};

[[nodiscard]] const json::Projection& promotion_projection();
[[nodiscard]] tl::expected<Promotion, std::string> decode_promotion(const kube::ObjectMeta& meta,
                                                                    const rapidjson::Value& object);

}  // namespace receiver::api
