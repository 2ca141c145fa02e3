#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace receiver::kube {

/// Namespace and name of an object. The namespace of a cluster-scoped object is empty.
struct ObjectKey {
  std::string ns;
  std::string name;

  friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
  /// `namespace/name`, or `name`.
  [[nodiscard]] std::string str() const { return ns.empty() ? name : ns + "/" + name; }
};

/// The used part of the metadata that all objects have.
struct ObjectMeta {
  ObjectKey key;
  std::string uid;
  std::string resource_version;  ///< opaque; compared for equality only
  std::int64_t generation = 0;
  bool deleting = false;  ///< metadata.deletionTimestamp is set
};

}  // namespace receiver::kube

template <>
struct std::hash<receiver::kube::ObjectKey> {
  std::size_t operator()(const receiver::kube::ObjectKey& key) const noexcept {
    return std::hash<std::string>{}(key.ns) * 31 + std::hash<std::string>{}(key.name);
  }
};
