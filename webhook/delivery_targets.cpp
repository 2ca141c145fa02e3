#include "webhook/delivery_targets.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "bitbucket/ref_changes.h"
#include "clock/clock.h"

namespace receiver::webhook {
namespace {

using controllers::Route;
using controllers::Target;

/// Time limit for the patterns of all Warehouses of a delivery.
constexpr std::chrono::milliseconds kJudgingTime{100};

void add(std::vector<Target>& all, std::vector<Target> more) {
  if (all.empty()) {
    all = std::move(more);
    return;
  }
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// Adds the targets of one receiver. Only the open targets of the first receiver with any are asked
/// about; two receivers in one delivery are rare, and neither decides for the other.
void add_targets_of(const Route& receiver, const bitbucket::Push& push, bool may_ask,
                    const kube::Store<api::Warehouse>& warehouses, DeliveryTargets& targets) {
  const auto& bitbucket = receiver.bitbucket;
  if (!may_ask || !bitbucket || !bitbucket->changed_files) {
    add(targets.certain, targets_of(push, receiver.project, warehouses));
    return;
  }
  SplitTargets split = split_targets_of(push, receiver.project, warehouses, *bitbucket);
  add(targets.certain, std::move(split.certain));
  if (split.open.empty()) return;
  if (targets.open.empty()) {
    targets.request.access = bitbucket;
    targets.request.repository = std::move(*split.repository);
    targets.open = std::move(split.open);
    return;
  }
  for (OpenTarget& open : split.open) targets.certain.push_back(std::move(open.target));
}

}  // namespace

std::vector<Target> DeliveryTargets::take_all_but(Judgement wanted, const Findings& findings) {
  const auto until = clock::Steady::now() + kJudgingTime;
  const auto enough = [until] { return clock::Steady::now() >= until; };
  const JudgedPush push{PushedRepositories(identities), request.push.changes};
  std::vector<Target> others;
  std::vector<OpenTarget> kept;
  Inquiry inquiry;
  for (OpenTarget& candidate : open) {
    const auto judgement =
        judge_changed_files(push, *candidate.warehouse, findings, inquiry, enough);
    if (judgement == wanted) {
      kept.push_back(std::move(candidate));
    } else {
      others.push_back(std::move(candidate.target));
    }
  }
  open = std::move(kept);
  request.inquiry = std::move(inquiry);
  return others;
}

DeliveryTargets targets_for(const std::vector<Route>& receivers, const bitbucket::Push& push,
                            const PushContext& context,
                            const kube::Store<api::Warehouse>& warehouses) {
  DeliveryTargets targets;
  for (const Route& receiver : receivers) {
    add_targets_of(receiver, push, context.may_ask, warehouses, targets);
  }
  if (targets.open.empty()) return targets;

  std::ranges::sort(targets.certain);
  std::erase_if(targets.open, [&](const OpenTarget& open) {
    return std::ranges::binary_search(targets.certain, open.target);
  });
  targets.identities = identities_of(push);
  targets.request.push = bitbucket::parse_ref_changes(context.source, context.body);
  Findings nothing_asked;
  nothing_asked.refs.resize(targets.request.push.changes.size());
  add(targets.certain, targets.take_all_but(Judgement::kOpen, nothing_asked));
  return targets;
}

DeliveryTargets targets_for(const std::vector<Route>& receivers,
                            const bitbucket::PullRequest& pull_request,
                            const kube::Store<api::Promotion>& promotions) {
  DeliveryTargets targets;
  for (const Route& receiver : receivers) {
    add(targets.certain, targets_of(pull_request, receiver.project, promotions));
  }
  return targets;
}

}  // namespace receiver::webhook
