#pragma once

#include <cstddef>
#include <string>

#include "test/support/cluster.h"

namespace receiver::chaos {

/// Accesses etcd directly, without the API server.
class Etcd {
 public:
  explicit Etcd(const test::Cluster& cluster);

  /// Compacts the history, as the API server does every few minutes.
  void compact() const;
  /// Creates Warehouses `SLUG-0` and on in a namespace that subscribe to one repository: thousands
  /// per second, stored as the API server stores them, except that many share a version: a watch
  /// that ends does not deliver the rest of them.
  void create_warehouses(const std::string& ns, const std::string& slug,
                         const std::string& repository, std::size_t count) const;
  void delete_warehouses(const std::string& ns) const;

 private:
  std::string post(const std::string& path, std::string body) const;

  std::string origin_;
};

}  // namespace receiver::chaos
