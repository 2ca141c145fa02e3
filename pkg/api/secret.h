#pragma once

#include <optional>
#include <string>

#include <rapidjson/document.h>
#include <tl/expected.hpp>

#include "crypto/crypto.h"
#include "json/json.h"
#include "kube/object_key.h"

namespace receiver::api {

/// The part of a Secret that a receiver uses. A key that is absent is nothing; an empty one is an
/// empty value.
struct Secret {
  std::optional<crypto::SecretString> value;     ///< data.secret
  std::optional<crypto::SecretString> previous;  ///< data["secret.previous"]
  bool labelled = false;                         ///< carries kargo.akuity.io/cred-type: generic
};

[[nodiscard]] const json::Projection& secret_projection();
/// The error never holds a value.
[[nodiscard]] tl::expected<Secret, std::string> decode_secret(const kube::ObjectMeta& meta,
                                                              const rapidjson::Value& object);

}  // namespace receiver::api
