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

/// Decides what to do about deliveries that Bitbucket could not make. Pure.
namespace receiver::controllers {

/// Which failed deliveries are new, for one receiver's repositories.
class MissedDeliveries {
 public:
  /// At the first look, only failures within this time count as new: an earlier leader may have
  /// seen them or not.
  static constexpr std::chrono::minutes kFirstLook{15};

  /// Whether the repository's newest failed delivery is newer than all known ones. `now` is
  /// Bitbucket's time.
  [[nodiscard]] bool is_news(const std::string& repository,
                             const std::optional<bitbucket_rest::FailedDelivery>& newest,
                             clock::Wall::time_point now);
  /// Forgets all other repositories.
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
