#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "crypto/crypto.h"
#include "kube/object_key.h"
#include "kube/resource.h"
#include "kube/rest.h"

namespace receiver::bench {

extern const kube::Resource kWarehouses;

/// A project with one receiver, and Warehouses that all subscribe to one repository.
struct Project {
  std::string name;
  std::size_t warehouses;

  [[nodiscard]] std::string repository() const { return "acme/" + name; }
  [[nodiscard]] kube::ObjectKey warehouse(std::size_t index) const;
  /// Of its receiver.
  [[nodiscard]] std::string path(const crypto::SecretString& secret) const;
};

/// What the cluster is seeded with.
struct World {
  std::vector<Project> projects;
  Project fan_out;
};

[[nodiscard]] World make_world();

/// Creates all of it, as an administrator. Every receiver has the same secret.
boost::asio::awaitable<void> seed(kube::RestClient& administrator, World world,
                                  crypto::SecretString secret);

}  // namespace receiver::bench
