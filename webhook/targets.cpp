#include "webhook/targets.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "git/ref_selector.h"
#include "git/repository.h"
#include "webhook/changed_files.h"
#include "webhook/pushed_repositories.h"

namespace receiver::webhook {
namespace {

using controllers::Target;
using controllers::TargetKind;
using Identity = std::string (*)(std::string_view url);

void sort_out_repeated(std::vector<std::string>& texts) {
  std::ranges::sort(texts);
  const auto repeated = std::ranges::unique(texts);
  texts.erase(repeated.begin(), repeated.end());
}

/// The identities of the URLs, each once, without empty ones.
std::vector<std::string> identities_of(std::span<const std::string> urls, Identity identity) {
  std::vector<std::string> identities;
  for (const std::string& url : urls) {
    if (std::string named = identity(url); !named.empty()) identities.push_back(std::move(named));
  }
  sort_out_repeated(identities);
  return identities;
}

/// The separator ends both parts, so a prefix of one never equals the whole.
std::string index_key(std::string_view identity, std::string_view ns) {
  std::string key;
  key.reserve(identity.size() + ns.size() + 2);  // a cluster may have a hundred thousand of them
  return key.append(identity).append("\n").append(ns).append("\n");
}

std::string index_prefix(std::string_view identity, const std::string& project) {
  return project.empty() ? std::string(identity) + "\n" : index_key(identity, project);
}

std::vector<std::string> index_keys(std::span<const std::string> identities,
                                    const std::string& ns) {
  std::vector<std::string> keys;
  keys.reserve(identities.size());
  for (const std::string& identity : identities) keys.push_back(index_key(identity, ns));
  return keys;
}

Verdict verdict_of(const PushedRepositories& pushed, std::span<const std::string> refs,
                   const api::Warehouse& warehouse) {
  if (warehouse.subscriptions.empty()) return Verdict::kSubscribesToNothing;
  Verdict verdict = Verdict::kOther;
  for (const git::Subscription& subscription : warehouse.subscriptions) {
    if (!pushed.have(subscription.repo_url)) continue;
    if (git::affected(subscription, refs)) return Verdict::kTarget;
    verdict = Verdict::kOtherRefs;
  }
  return verdict;
}

/// `ended` is sorted.
Verdict verdict_of(std::span<const std::string> ended, const api::Promotion& promotion) {
  if (promotion.pull_request_urls.empty()) return Verdict::kSubscribesToNothing;
  const bool waits = std::ranges::any_of(promotion.pull_request_urls, [&](const std::string& url) {
    return std::ranges::binary_search(ended, bitbucket::pull_request_identity(url));
  });
  return waits ? Verdict::kTarget : Verdict::kOther;
}

/// The index entries for one of the identities. They may contain duplicates, and further objects if
/// a URL contains a separator itself.
template <typename T>
std::vector<std::shared_ptr<const T>> objects_named(std::span<const std::string> identities,
                                                    const std::string& project,
                                                    const kube::Store<T>& store) {
  std::vector<std::shared_ptr<const T>> named;
  for (const std::string& identity : identities) {
    auto found = store.by_index_prefix(index_prefix(identity, project));
    std::erase_if(found, [&](const auto& object) -> bool {
      return !project.empty() && object->key.ns != project;
    });
    if (named.empty()) {
      named = std::move(found);
    } else {
      std::ranges::move(found, std::back_inserter(named));
    }
  }
  return named;
}

void sort_out_repeated(std::vector<Target>& targets) {
  std::ranges::sort(targets);
  const auto repeated = std::ranges::unique(targets);
  targets.erase(repeated.begin(), repeated.end());
}

/// The objects that `verdict(object)` confirms.
template <typename T, typename GiveVerdict>
std::vector<Target> confirmed(const std::vector<std::shared_ptr<const T>>& objects, TargetKind kind,
                              const GiveVerdict& verdict) {
  std::vector<Target> targets;
  for (const auto& object : objects) {
    if (verdict(*object) == Verdict::kTarget) targets.push_back({kind, object->key});
  }
  sort_out_repeated(targets);
  return targets;
}

using AskedRepositories = UrlMemo<std::optional<bitbucket_rest::Repository>>;

/// The repository to ask about, for a Warehouse that a push affects; nothing if no answer may spare
/// it: one of the subscriptions is affected by every change, or its repository is on no Bitbucket
/// that may be asked.
std::optional<bitbucket_rest::Repository> repository_to_ask(const PushedRepositories& pushed,
                                                            std::span<const std::string> refs,
                                                            const api::Warehouse& warehouse,
                                                            AskedRepositories& on_bitbucket) {
  // First, because most subscriptions have a branch and no paths.
  if (std::ranges::none_of(warehouse.subscriptions, may_be_spared)) return std::nullopt;
  std::optional<bitbucket_rest::Repository> asked;
  for (const git::Subscription& subscription : warehouse.subscriptions) {
    if (!pushed.have(subscription.repo_url)) continue;
    if (!git::affected(subscription, refs)) continue;
    if (!may_be_spared(subscription)) return std::nullopt;
    const auto& repository = on_bitbucket.of(subscription.repo_url);
    if (!repository || (asked && *asked != *repository)) return std::nullopt;
    asked = repository;
  }
  return asked;
}

}  // namespace

std::vector<std::string> identities_of(const bitbucket::Push& push) {
  return identities_of(push.repository_urls, git::identity);
}

std::vector<std::string> identities_of(const bitbucket::PullRequest& pull_request) {
  return identities_of(pull_request.urls, bitbucket::pull_request_identity);
}

std::vector<std::string> warehouse_index_keys(const api::Warehouse& warehouse) {
  std::vector<std::string> urls;
  urls.reserve(warehouse.subscriptions.size());
  for (const git::Subscription& subscription : warehouse.subscriptions) {
    urls.push_back(subscription.repo_url);
  }
  return index_keys(identities_of(urls, git::identity), warehouse.key.ns);
}

std::vector<std::string> promotion_index_keys(const api::Promotion& promotion) {
  const auto identities =
      identities_of(promotion.pull_request_urls, bitbucket::pull_request_identity);
  return index_keys(identities, promotion.key.ns);
}

Verdict judge(const bitbucket::Push& push, const api::Warehouse& warehouse) {
  const auto identities = identities_of(push);
  return verdict_of(PushedRepositories(identities), push.refs, warehouse);
}

Verdict judge(const bitbucket::PullRequest& pull_request, const api::Promotion& promotion) {
  return verdict_of(identities_of(pull_request), promotion);
}

std::vector<Target> targets_of(const bitbucket::Push& push, const std::string& project,
                               const kube::Store<api::Warehouse>& warehouses) {
  const auto identities = identities_of(push);
  const auto candidates = objects_named(identities, project, warehouses);
  const PushedRepositories pushed(identities);
  return confirmed(candidates, TargetKind::kWarehouse, [&](const api::Warehouse& candidate) {
    return verdict_of(pushed, push.refs, candidate);
  });
}

SplitTargets split_targets_of(const bitbucket::Push& push, const std::string& project,
                              const kube::Store<api::Warehouse>& warehouses,
                              const controllers::BitbucketAccess& access) {
  SplitTargets split;
  const auto identities = identities_of(push);
  const auto candidates = objects_named(identities, project, warehouses);
  const PushedRepositories pushed(identities);
  AskedRepositories on_bitbucket(
      [&access](const std::string& url) { return access.repository(url); });
  for (const auto& warehouse : candidates) {
    if (verdict_of(pushed, push.refs, *warehouse) != Verdict::kTarget) continue;
    Target target{TargetKind::kWarehouse, warehouse->key};
    auto repository = push.refs.empty()
                          ? std::nullopt
                          : repository_to_ask(pushed, push.refs, *warehouse, on_bitbucket);
    if (!repository || (split.repository && *split.repository != *repository)) {
      split.certain.push_back(std::move(target));
      continue;
    }
    split.repository = std::move(repository);
    split.open.push_back({std::move(target), warehouse});
  }
  sort_out_repeated(split.certain);
  std::ranges::sort(split.open, {}, &OpenTarget::target);
  const auto repeated = std::ranges::unique(split.open, {}, &OpenTarget::target);
  split.open.erase(repeated.begin(), repeated.end());
  return split;
}

std::vector<Target> targets_of(const bitbucket::PullRequest& pull_request,
                               const std::string& project,
                               const kube::Store<api::Promotion>& promotions) {
  const auto ended = identities_of(pull_request);
  return confirmed(objects_named(ended, project, promotions), TargetKind::kPromotion,
                   [&](const api::Promotion& candidate) { return verdict_of(ended, candidate); });
}

std::vector<Target> reachable_targets(const std::set<std::string>& projects,
                                      const kube::Store<api::Warehouse>& warehouses,
                                      const kube::Store<api::Promotion>& promotions) {
  std::vector<Target> targets;
  const auto reached = [&projects](const std::string& ns) {
    return projects.contains("") || projects.contains(ns);
  };
  warehouses.for_each([&](const kube::ObjectKey& key, const auto& warehouse) {
    if (!warehouse->subscriptions.empty() && reached(key.ns)) {
      targets.push_back({TargetKind::kWarehouse, key});
    }
  });
  promotions.for_each([&](const kube::ObjectKey& key, const auto& promotion) {
    if (!promotion->pull_request_urls.empty() && reached(key.ns)) {
      targets.push_back({TargetKind::kPromotion, key});
    }
  });
  return targets;
}

}  // namespace receiver::webhook
