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

/// The webhooks that a receiver is to have, and how its Bitbucket is asked for them.
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

  /// Equal for all that leads to the same webhooks, asked for with the same credentials, of which
  /// it holds a digest only. What else changes of the Secret is no other wish.
  [[nodiscard]] std::string wish() const;
};

/// Whether one of the receivers asks for its webhooks to be made.
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

/// Of those receivers of the owner whose Secret asks for it (`bitbucket.register`). The author of
/// any Warehouse could direct a ClusterConfig's secret to a repository of his own: without
/// `bitbucket.allow` there are none of it. Pure.
[[nodiscard]] std::vector<DesiredWebhooks> desired_webhooks(const api::ReceiverOwner& owner,
                                                            const DerivedReceivers& derived,
                                                            const BaseUrl& base,
                                                            const Reached& reached);

}  // namespace receiver::controllers
