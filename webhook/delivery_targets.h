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

/// Which objects a delivery is for, over all receivers whose key signs it; and of a push, which of
/// them depend on what Bitbucket says.
namespace receiver::webhook {

struct DeliveryTargets {
  std::vector<controllers::Target> certain;  ///< perhaps some of them twice
  /// Of a push: what else it could be for, as the answer to `request` tells.
  std::vector<OpenTarget> open;
  std::vector<std::string> identities;  ///< of its repository
  Inquirer::Request request;

  /// Leaves in `open` only those that are so judged by what is found out, and returns the others.
  /// `request` is then to ask for what the judgement depends on. What is not judged within a short
  /// time, since other requests wait for this thread, counts as affected.
  [[nodiscard]] std::vector<controllers::Target> take_all_but(Judgement wanted,
                                                              const Findings& findings);
};

/// What more is known of a push.
struct PushContext {
  bitbucket::Source source = bitbucket::Source::kCloud;
  std::string_view body;
  bool may_ask = false;  ///< else nothing is open
};

[[nodiscard]] DeliveryTargets targets_for(const std::vector<controllers::Route>& receivers,
                                          const bitbucket::Push& push, const PushContext& context,
                                          const kube::Store<api::Warehouse>& warehouses);
[[nodiscard]] DeliveryTargets targets_for(const std::vector<controllers::Route>& receivers,
                                          const bitbucket::PullRequest& pull_request,
                                          const kube::Store<api::Promotion>& promotions);

}  // namespace receiver::webhook
