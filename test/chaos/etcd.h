#pragma once

#include <cstddef>
#include <string>

#include "test/support/cluster.h"

namespace receiver::chaos {

/// etcd behind the API server's back.
class Etcd {
 public:
  explicit Etcd(const test::Cluster& cluster);

  /// Forgets the past, as the API server has it do every few minutes.
  void compact() const;
  /// Warehouses `SLUG-0` and on in a namespace, which subscribe to one repository: thousands in a
  /// second, and stored as the API server stores them, but for versions that many of them share: a
  /// watch that breaks off does not tell the rest of them.
  void create_warehouses(const std::string& ns, const std::string& slug,
                         const std::string& repository, std::size_t count) const;
  void delete_warehouses(const std::string& ns) const;

 private:
  std::string post(const std::string& path, std::string body) const;

  std::string origin_;
};

}  // namespace receiver::chaos
