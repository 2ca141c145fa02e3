#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/promotion.h"
#include "api/warehouse.h"
#include "bitbucket/event.h"
#include "controllers/derive.h"
#include "controllers/target.h"
#include "kube/store.h"
#include "webhook/changed_files.h"
#include "webhook/inquirer.h"
#include "webhook/targets.h"

/// Which objects a delivery is for, over all receivers whose key signs it; and for a push, which of
/// them depend on Bitbucket's answer.
namespace receiver::webhook {

struct DeliveryTargets {
  std::vector<controllers::Target> certain;  ///< may contain duplicates
  /// For a push: further objects that depend on the answer to `request`.
  std::vector<OpenTarget> open;
  std::vector<std::string> identities;  ///< of its repository
  Inquirer::Request request;

  /// Keeps in `open` only the targets with that judgement, according to the findings, and returns
  /// the others. `request` then contains the questions that the judgement depends on. Targets that
  /// are not judged within a short time count as affected, because other requests wait for this
  /// thread.
  [[nodiscard]] std::vector<controllers::Target> take_all_but(Judgement wanted,
                                                              const Findings& findings);
};

/// Further facts about a push.
struct PushContext {
  bitbucket::Source source = bitbucket::Source::kCloud;
  std::string_view body;
  bool may_ask = false;  ///< false: nothing is open
};

[[nodiscard]] DeliveryTargets targets_for(const std::vector<controllers::Route>& receivers,
                                          const bitbucket::Push& push, const PushContext& context,
                                          const kube::Store<api::Warehouse>& warehouses);
[[nodiscard]] DeliveryTargets targets_for(const std::vector<controllers::Route>& receivers,
                                          const bitbucket::PullRequest& pull_request,
                                          const kube::Store<api::Promotion>& promotions);

}  // namespace receiver::webhook
