#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
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
  /// How long before the repository was wanted, by this leader, one may have failed that is news at
  /// the first look: another leader may have seen it, or none.
  static constexpr std::chrono::minutes kFirstLook{15};

  /// Whether the newest one of the repository is newer than any before.
  [[nodiscard]] bool is_news(const std::string& repository,
                             const std::optional<bitbucket_rest::FailedDelivery>& newest,
                             clock::Wall::time_point bitbuckets_now, clock::Steady::time_point now);
  /// The repositories that are wanted from now on, by name; all others are forgotten.
  void keep(const std::set<std::string>& repositories, clock::Steady::time_point now);

 private:
  struct Known {
    clock::Steady::time_point since{};  ///< when it was wanted
    std::optional<clock::Wall::time_point> newest{};
  };
  std::map<std::string, Known> known_;  ///< by the repository's name
};

/// The Warehouses of the project (of all, if it is empty) that subscribe to the repository.
[[nodiscard]] std::vector<Target> subscribers(const std::string& project,
                                              const BitbucketAccess& access,
                                              const bitbucket_rest::Repository& repository,
                                              const kube::Store<api::Warehouse>& warehouses);

}  // namespace receiver::controllers
