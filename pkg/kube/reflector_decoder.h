#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "json/json.h"
#include "kube/object_key.h"
#include "kube/watch_reader.h"

namespace receiver::kube::reflecting {

/// Decodes what a reflector receives. Of unwanted objects it decodes only the metadata. Pure;
/// internal to the room.
class Decoder {
 public:
  using Wanted = std::function<bool(const ObjectKey& key)>;

  /// Both of ReflectorOptions.
  Decoder(const json::Projection& projection, Wanted wanted);

  [[nodiscard]] bool wants(const ObjectKey& key) const { return !wanted_ || wanted_(key); }
  /// An object of a list; nothing if it is not wanted. An unreadable object may have been wanted,
  /// and is an error.
  [[nodiscard]] tl::expected<std::optional<json::Document>, std::string> item(
      std::string_view json) const;
  /// An event of a watch, for wanted and unwanted objects.
  [[nodiscard]] tl::expected<WatchEvent, std::string> event(std::string_view json) const;

 private:
  json::Projection item_, event_;
  Wanted wanted_;
};

/// The key of the object in an event that cannot be decoded, as far as it is found.
[[nodiscard]] ObjectKey key_in_event(std::string_view json);

}  // namespace receiver::kube::reflecting
