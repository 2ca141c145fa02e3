#pragma once

#include <string>
#include <string_view>

#include "kube/object_key.h"

namespace receiver::kube {

/// Whether an object of most kinds may have this name: a DNS subdomain of RFC 1123, which is labels
/// of a-z, 0-9 and inner hyphens, joined by dots. Other names must not be used in a path.
[[nodiscard]] bool is_subdomain(std::string_view name);

/// A kind in the API server's paths: group (empty for core), version and plural.
struct Resource {
  std::string group;
  std::string version;
  std::string plural;

  /// `PLURAL.GROUP`, as kubectl names it; for the core group only the plural.
  [[nodiscard]] std::string name() const;
  /// `/apis/GROUP/VERSION/PLURAL` (all namespaces, or a cluster-scoped kind); `/api/VERSION/…` for
  /// the core group.
  [[nodiscard]] std::string path() const;
  /// `…/namespaces/NS/PLURAL`; as path() if `ns` is empty.
  [[nodiscard]] std::string path(std::string_view ns) const;
  /// The path of one object.
  [[nodiscard]] std::string path(const ObjectKey& key) const;
};

}  // namespace receiver::kube
