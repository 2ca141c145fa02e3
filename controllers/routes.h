#pragma once

#include <cstddef>
#include <set>
#include <shared_mutex>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "controllers/derive.h"
#include "kube/object_key.h"

namespace receiver::controllers {

/// Which receivers are served at a path. Computed from spec and Secret in every replica, and
/// changed per owner. Thread-safe: the listener reads, the API thread writes.
class RouteTable {
 public:
  /// Replaces the routes of one ProjectConfig or of the ClusterConfig. `incomplete`: a Secret of
  /// the owner has not been read yet, so an unknown path may become known. An owner without routes
  /// is kept only while it is incomplete.
  void replace(const kube::ObjectKey& owner, std::vector<Route> routes, bool incomplete);
  /// Removes the routes of a deleted owner.
  void remove(const kube::ObjectKey& owner) { replace(owner, {}, false); }
  /// Call when every owner in the API server has been seen. Until then, no path is certainly
  /// unknown.
  void owners_listed();

  /// All receivers at this path: several may share it. Empty: none. A receiver is served at its
  /// whole path, and at the rest of it if leading segments of the base path are missing, down to
  /// `/bitbucket/HEX`: an Ingress may strip them. Only HEX decides, so receivers cannot be
  /// confused.
  [[nodiscard]] std::vector<Route> find(std::string_view path) const;
  /// Whether this receiver is still served under this path, and so with this key.
  [[nodiscard]] bool serves(std::string_view path, std::string_view project,
                            std::string_view receiver) const;
  /// Everything has been read: a path that is not found does not exist.
  [[nodiscard]] bool complete() const;
  [[nodiscard]] std::size_t size() const;
  /// The projects that a receiver serves; an empty name stands for all.
  [[nodiscard]] std::set<std::string> projects() const;

 private:
  void unlink(const std::vector<Route>& routes);

  mutable std::shared_mutex mutex_;
  std::unordered_map<kube::ObjectKey, std::vector<Route>> by_owner_;
  /// Keys and values point into by_owner_, whose vectors do not change until they are unlinked.
  std::unordered_multimap<std::string_view, const Route*> by_hex_;
  std::unordered_set<kube::ObjectKey> incomplete_;
  bool owners_listed_ = false;
};

}  // namespace receiver::controllers
