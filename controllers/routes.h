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

/// Which receivers answer at a path. Computed from spec and Secret in every replica; changed per
/// owner as it changes. Thread-safe: the listener reads, the API thread writes.
class RouteTable {
 public:
  /// The routes of one ProjectConfig or of the ClusterConfig, in place of those it had.
  /// `incomplete`: a Secret of the owner has not been read yet, so that an unknown path may become
  /// known. An owner without routes is kept only while it is incomplete.
  void replace(const kube::ObjectKey& owner, std::vector<Route> routes, bool incomplete);
  /// Those of an owner that is gone.
  void remove(const kube::ObjectKey& owner) { replace(owner, {}, false); }
  /// Every owner that the API server holds has been seen. Until then no path is known to be
  /// unknown.
  void owners_listed();

  /// All receivers that answer at this path: more than one may share it. Empty: none. A receiver
  /// answers at its whole path, and at what is left of it when leading segments of the base path
  /// are missing, down to `/bitbucket/HEX`: an Ingress may strip them. HEX alone decides, so no two
  /// receivers get mixed up.
  [[nodiscard]] std::vector<Route> find(std::string_view path) const;
  /// Whether this receiver is still served, under this path and hence this key.
  [[nodiscard]] bool serves(std::string_view path, std::string_view project,
                            std::string_view receiver) const;
  /// Nothing is outstanding: a path that is not found does not exist.
  [[nodiscard]] bool complete() const;
  [[nodiscard]] std::size_t size() const;
  /// The projects that a receiver serves; the empty one stands for all.
  [[nodiscard]] std::set<std::string> projects() const;

 private:
  void unlink(const std::vector<Route>& routes);

  mutable std::shared_mutex mutex_;
  std::unordered_map<kube::ObjectKey, std::vector<Route>> by_owner_;
  /// Keys and values point into by_owner_, whose vectors stay as they are until they are unlinked.
  std::unordered_multimap<std::string_view, const Route*> by_hex_;
  std::unordered_set<kube::ObjectKey> incomplete_;
  bool owners_listed_ = false;
};

}  // namespace receiver::controllers
