#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <rapidjson/document.h>
#include <tl/expected.hpp>

#include "json/json.h"
#include "kube/object_key.h"

namespace receiver::kube {

/// Maximum size of a single object of a list or watch. (etcd rejects objects of more than 1.5 MiB.)
inline constexpr std::size_t kMaxObjectBytes = 16 * 1024 * 1024;

/// `projection`, plus what read_meta() needs.
[[nodiscard]] json::Projection with_meta(const json::Projection& projection);

/// The metadata of an object. The error says what is missing.
[[nodiscard]] tl::expected<ObjectMeta, std::string> read_meta(const rapidjson::Value& object);

/// The key of an object of which only the beginning is available. Parts that are not found are
/// empty.
[[nodiscard]] ObjectKey key_in_beginning(std::string_view json);

}  // namespace receiver::kube
