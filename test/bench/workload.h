#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "crypto/crypto.h"
#include "kube/object_key.h"
#include "kube/resource.h"
#include "kube/rest.h"

namespace receiver::bench {

extern const kube::Resource kWarehouses;

extern const kube::Resource kPromotions, kProjectConfigs, kClusterConfigs, kSecrets;

/// A project with one receiver, and Warehouses that all subscribe to one repository.
struct Project {
  std::string name;
  std::size_t warehouses;
  std::size_t others = 0;      ///< further Warehouses, each of its own repository
  std::size_t commits = 0;     ///< discovered by each Warehouse
  std::size_t promotions = 0;  ///< finished ones
  std::string clone_url{};     ///< of the repository, if it is not in Bitbucket Cloud
  bool by_folder = false;      ///< each Warehouse includes only its own folder
  std::map<std::string, std::string> secret_keys{};  ///< further keys of its receiver's Secret

  [[nodiscard]] std::string repository() const { return "acme/" + name; }
  [[nodiscard]] kube::ObjectKey warehouse(std::size_t index) const;
  [[nodiscard]] std::string folder(std::size_t index) const;
  /// Of its receiver.
  [[nodiscard]] std::string path(const crypto::SecretString& secret) const;
};

/// The workload of deliveries.
struct Workload {
  std::vector<Project> projects;
  Project fan_out;
  Project monorepo;
};

[[nodiscard]] Workload make_workload();

// As an administrator.

/// Creates all their objects. Every receiver has the same secret.
boost::asio::awaitable<void> create_projects(kube::RestClient& administrator,
                                             std::vector<Project> projects,
                                             crypto::SecretString secret);
/// Deletes the ProjectConfigs and creates them again.
boost::asio::awaitable<void> renew_configs(kube::RestClient& administrator,
                                           std::vector<Project> projects);
/// Grants what SECRET_ACCESS=cluster needs.
boost::asio::awaitable<void> grant_all_secrets(kube::RestClient& administrator);

}  // namespace receiver::bench
