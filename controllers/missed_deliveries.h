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

/// Decides what to do about deliveries that Bitbucket could not make. Pure.
namespace receiver::controllers {

/// Which failed deliveries are new, for one receiver's repositories.
class MissedDeliveries {
 public:
  /// At the first look, failures count as new if they are at most this much older than the moment
  /// from which this leader wants the repository: an earlier leader may have seen them or not.
  static constexpr std::chrono::minutes kFirstLook{15};

  /// Whether the repository's newest failed delivery is newer than all known ones.
  [[nodiscard]] bool is_news(const std::string& repository,
                             const std::optional<bitbucket_rest::FailedDelivery>& newest,
                             clock::Wall::time_point bitbuckets_now, clock::Steady::time_point now);
  /// Sets the names of the wanted repositories, and forgets all others.
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
