#include "webhook/changed_files.h"

#include <algorithm>
#include <string_view>

#include "git/path_filter.h"

namespace receiver::webhook {
namespace {

using git::Strategy;

bool names_no_branch(const git::Subscription& subscription) {
  return subscription.strategy == Strategy::kNewestFromBranch && subscription.branch.empty();
}

bool selects_tags(Strategy strategy) {
  return strategy == Strategy::kNewestTag || strategy == Strategy::kLexical ||
         strategy == Strategy::kSemVer;
}

/// Whether it can be known which files discovery sees: for commits that were added to a branch, and
/// for a new tag. Other changes of a ref may remove commits, or add any number.
bool can_be_known(const bitbucket::RefChange& change, Strategy strategy) {
  if (change.forced || change.deleted || change.new_hash.empty()) return false;
  if (strategy == Strategy::kNewestFromBranch) {
    return !change.created && !change.old_hash.empty() && change.old_hash != change.new_hash;
  }
  return selects_tags(strategy) && change.created && change.old_hash.empty();
}

/// One subscription of the Warehouse, to the repository of the push.
class SubscriptionJudge {
 public:
  SubscriptionJudge(const git::Subscription& subscription, const Findings& findings,
                    Inquiry& inquiry, const std::function<bool()>& enough)
      : subscription_(subscription), findings_(findings), inquiry_(inquiry), enough_(enough) {}

  [[nodiscard]] Judgement judge(const bitbucket::RefChange& change, std::size_t index) {
    if (!git::affected(subscription_, {&change.ref, 1})) return Judgement::kSpared;
    const bool any_branch = names_no_branch(subscription_);
    if (any_branch && !findings_.default_branch_asked) {
      inquiry_.default_branch = true;
      if (paths_decide(change)) want_files(index, Inquiry::Files::kIfDefaultBranch);
      return Judgement::kOpen;
    }
    if (any_branch && findings_.default_branch && *findings_.default_branch != change.ref) {
      return Judgement::kSpared;
    }
    if (!paths_decide(change)) return Judgement::kAffected;
    const Findings::OfRef& of_ref = findings_.refs.at(index);
    if (of_ref.asked) return any_counts(of_ref.files) ? Judgement::kAffected : Judgement::kSpared;
    want_files(index, Inquiry::Files::kYes);
    return Judgement::kOpen;
  }

 private:
  [[nodiscard]] const git::PathFilter& filter() {
    if (!filter_) filter_.emplace(subscription_.paths);
    return *filter_;
  }

  [[nodiscard]] bool paths_decide(const bitbucket::RefChange& change) {
    return !subscription_.paths.empty() && can_be_known(change, subscription_.strategy) &&
           filter().problems().empty();
  }

  void want_files(std::size_t index, Inquiry::Files files) {
    inquiry_.files.at(index) = std::max(inquiry_.files.at(index), files);
  }

  [[nodiscard]] bool any_counts(const std::vector<Paths>& files) {
    if (files.empty()) return true;
    return std::ranges::any_of(files, [&](const Paths& of_commit) {
      return !of_commit || of_commit->empty() ||
             std::ranges::any_of(*of_commit, [&](const std::string& path) {
               return enough_() || filter().may_count(path);
             });
    });
  }

  const git::Subscription& subscription_;
  const Findings& findings_;
  Inquiry& inquiry_;
  const std::function<bool()>& enough_;
  std::optional<git::PathFilter> filter_;
};

}  // namespace

bool may_be_spared(const git::Subscription& subscription) {
  if (names_no_branch(subscription)) return true;
  return !subscription.paths.empty() && subscription.strategy != Strategy::kUnknown;
}

bool Inquiry::empty() const {
  return !default_branch &&
         std::ranges::all_of(files, [](Files of_ref) { return of_ref == Files::kNo; });
}

Judgement judge_changed_files(const JudgedPush& push, const api::Warehouse& warehouse,
                              const Findings& findings, Inquiry& inquiry,
                              const std::function<bool()>& enough) {
  if (push.changes.empty() || push.changes.size() > kMaxJudgedRefs) return Judgement::kAffected;
  inquiry.files.resize(push.changes.size(), Inquiry::Files::kNo);
  Inquiry wanted = inquiry;
  bool open = false;
  for (const git::Subscription& subscription : warehouse.subscriptions) {
    if (!push.repositories.have(subscription.repo_url)) continue;
    SubscriptionJudge judge(subscription, findings, wanted, enough);
    for (std::size_t index = 0; index < push.changes.size(); ++index) {
      const Judgement judgement = judge.judge(push.changes[index], index);
      if (judgement == Judgement::kAffected) return judgement;
      open = open || judgement == Judgement::kOpen;
    }
  }
  if (!open) return Judgement::kSpared;
  inquiry = std::move(wanted);
  return Judgement::kOpen;
}

std::optional<std::vector<bitbucket::Commit>> steps_of(const bitbucket::RefChange& change,
                                                       std::span<const bitbucket::Commit> known) {
  if (!change.old_hash.empty()) {
    auto walk = bitbucket::walk_first_parents(known, change.new_hash, change.old_hash);
    if (!walk.reached) return std::nullopt;
    return std::move(walk.commits);
  }
  const auto tagged = std::ranges::find(known, change.new_hash, &bitbucket::Commit::hash);
  if (tagged == known.end()) return std::nullopt;
  return std::vector{*tagged};
}

}  // namespace receiver::webhook
