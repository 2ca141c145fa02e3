#pragma once

#include <string>
#include <string_view>

#include <rapidjson/document.h>
#include <tl/expected.hpp>

#include "kube/json.h"
#include "kube/object_key.h"

namespace receiver::kube {

/// `projection` and, beside it, what read_meta() needs.
[[nodiscard]] Projection with_meta(const Projection& projection);

/// The metadata of an object. The error says what is missing.
[[nodiscard]] tl::expected<ObjectMeta, std::string> read_meta(const rapidjson::Value& object);

/// The key of an object of which only the beginning is there; its parts are empty where they are
/// not found.
[[nodiscard]] ObjectKey key_in_beginning(std::string_view json);

}  // namespace receiver::kube
