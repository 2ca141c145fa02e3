#pragma once

#include <optional>
#include <string>

#include "bitbucket_rest/operation.h"
#include "clock/clock.h"

namespace receiver::bitbucket_rest {

/// A delivery that Bitbucket could not make, or skipped after too many failures.
struct FailedDelivery {
  clock::Wall::time_point when{};  ///< by Bitbucket's clock
  std::string words{};             ///< Bitbucket's, fit for people
};

/// The newest failed delivery of a webhook; nothing if there is none. For Data Center only: Cloud
/// has no such list.
class LatestFailure final : public Question<std::optional<FailedDelivery>> {
 public:
  /// One request for deliveries answered outside 2xx; one for deliveries without an answer.
  static constexpr unsigned kMaxRequests = 2;

  LatestFailure(Repository repository, std::string webhook);

 private:
  void read(const ApiRequest& asked, const std::string& body) override;
  void ask_for(const char* outcome);

  std::string webhook_;
  std::optional<FailedDelivery> newest_;
};

}  // namespace receiver::bitbucket_rest
