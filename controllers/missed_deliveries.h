#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/warehouse.h"
#include "bitbucket_rest/latest_failure.h"
#include "bitbucket_rest/repository.h"
#include "clock/clock.h"
#include "controllers/bitbucket_access.h"
#include "controllers/target.h"
#include "kube/store.h"

/// What is done about deliveries that Bitbucket could not make. Pure.
namespace receiver::controllers {

/// Which failed deliveries are news, of one receiver's repositories.
class MissedDeliveries {
 public:
  /// How long ago one may have failed that is news at the first look: another leader may have seen
  /// it, or none.
  static constexpr std::chrono::minutes kFirstLook{15};

  /// Whether the newest one of the repository is newer than any before. `now` is Bitbucket's.
  [[nodiscard]] bool is_news(const std::string& repository,
                             const std::optional<bitbucket_rest::FailedDelivery>& newest,
                             clock::Wall::time_point now);
  /// Forgets all others.
  void keep(const std::vector<bitbucket_rest::Repository>& repositories);

 private:
  std::map<std::string, clock::Wall::time_point> known_;  ///< by the repository's name
};

/// The Warehouses of the project (of all, if it is empty) that subscribe to the repository.
[[nodiscard]] std::vector<Target> subscribers(const std::string& project,
                                              const BitbucketAccess& access,
                                              const bitbucket_rest::Repository& repository,
                                              const kube::Store<api::Warehouse>& warehouses);

}  // namespace receiver::controllers
