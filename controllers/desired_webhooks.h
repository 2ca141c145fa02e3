#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "api/promotion.h"
#include "api/receiver_owner.h"
#include "api/warehouse.h"
#include "bitbucket_rest/webhook_plan.h"
#include "controllers/derive.h"
#include "kube/store.h"

namespace receiver::controllers {

/// The webhooks that a receiver must have, and the access to its Bitbucket.
struct DesiredWebhooks {
  std::string receiver;
  std::shared_ptr<const BitbucketAccess> access;
  bitbucket_rest::WantedWebhook wanted;
  bool watched = true;                                   ///< as of Route
  std::vector<bitbucket_rest::Repository> repositories;  ///< by name, each once
  /// Subscribed to and of this Bitbucket, but outside of `bitbucket.allow`.
  std::vector<std::string> outside;
  /// Why there are none, for people; empty if nothing is wrong.
  std::string problem;

  /// Equal for the same webhooks and the same credentials, of which it contains only a digest.
  /// Other changes of the Secret do not change it.
  [[nodiscard]] std::string wish() const;
};

/// Whether one of the receivers registers its webhooks.
[[nodiscard]] bool registers(const DerivedReceivers& derived);

/// What receivers of a project reach.
struct Reached {
  std::set<std::string> urls{};  ///< that Warehouses subscribe to
  bool pull_requests = false;    ///< promotions wait for some, or will
};

/// Whether the same repositories are subscribed to. Null: none.
[[nodiscard]] bool same_repositories(const kube::Store<api::Warehouse>::Object& before,
                                     const kube::Store<api::Warehouse>::Object& now);

/// Of each of these projects; the empty one stands for all. `waiting`: the projects whose Stages
/// wait for pull requests. In one pass, since there may be a hundred thousand Warehouses.
[[nodiscard]] std::map<std::string, Reached> reached_by(
    const std::set<std::string>& projects, const kube::Store<api::Warehouse>& warehouses,
    const kube::Store<api::Promotion>& promotions, const std::set<std::string>& waiting);

/// For the owner's receivers whose Secret says so (`bitbucket.register`). A ClusterConfig's
/// receiver has none without `bitbucket.allow`: the author of any Warehouse could send its secret
/// to a repository of their own. Pure.
[[nodiscard]] std::vector<DesiredWebhooks> desired_webhooks(const api::ReceiverOwner& owner,
                                                            const DerivedReceivers& derived,
                                                            const BaseUrl& base,
                                                            const Reached& reached);

}  // namespace receiver::controllers
