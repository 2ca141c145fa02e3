#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "api/promotion.h"
#include "api/warehouse.h"
#include "bitbucket/event.h"
#include "bitbucket_rest/repository.h"
#include "controllers/bitbucket_access.h"
#include "controllers/refresher.h"
#include "kube/store.h"

/// Which objects a delivery is for. A look-up costs in proportion to what it finds, whatever the
/// size of the cluster.
namespace receiver::webhook {

/// For Store<api::Warehouse>: by repository, then namespace.
[[nodiscard]] std::vector<std::string> warehouse_index_keys(const api::Warehouse& warehouse);
/// For Store<api::Promotion>: by pull request, then namespace.
[[nodiscard]] std::vector<std::string> promotion_index_keys(const api::Promotion& promotion);

/// The Warehouses of `project` (every namespace if empty) that subscribe to a repository of the
/// push and could be affected by one of its refs, each once.
[[nodiscard]] std::vector<controllers::Target> targets_of(
    const bitbucket::Push& push, const std::string& project,
    const kube::Store<api::Warehouse>& warehouses);
/// A Warehouse that a push may affect, unless Bitbucket says that it changes nothing there.
struct OpenTarget {
  controllers::Target target;
  std::shared_ptr<const api::Warehouse> warehouse;
};
struct SplitTargets {
  std::vector<controllers::Target> certain;
  std::vector<OpenTarget> open;
  /// The repository to ask about, for all open ones.
  std::optional<bitbucket_rest::Repository> repository;
};
/// The same Warehouses in two parts: those that the push affects whatever it changes, and those
/// that it may spare (webhook/changed_files.h), whose repository is on the receiver's Bitbucket.
[[nodiscard]] SplitTargets split_targets_of(const bitbucket::Push& push, const std::string& project,
                                            const kube::Store<api::Warehouse>& warehouses,
                                            const controllers::BitbucketAccess& access);
/// The running Promotions of `project` (every namespace if empty) that wait for the pull request.
[[nodiscard]] std::vector<controllers::Target> targets_of(
    const bitbucket::PullRequest& pull_request, const std::string& project,
    const kube::Store<api::Promotion>& promotions);

/// What a delivery names, for comparison with git::identity of a Warehouse's repositories, or with
/// bitbucket::pull_request_identity of a Promotion's pull requests. Sorted, each once, none empty.
[[nodiscard]] std::vector<std::string> identities_of(const bitbucket::Push& push);
[[nodiscard]] std::vector<std::string> identities_of(const bitbucket::PullRequest& pull_request);

/// Whether a delivery is for an object of the receiver's project, and if not, why.
enum class Verdict : std::uint8_t {
  kTarget,
  kSubscribesToNothing,  ///< a Warehouse without a Git subscription; a Promotion that waits for no
                         ///< pull request
  kOther,                ///< another repository, or another pull request
  kOtherRefs,            ///< the same repository, but other branches or tags
};
[[nodiscard]] Verdict judge(const bitbucket::Push& push, const api::Warehouse& warehouse);
[[nodiscard]] Verdict judge(const bitbucket::PullRequest& pull_request,
                            const api::Promotion& promotion);

/// All objects that a delivery to one of `projects` (empty: every namespace) could be for.
[[nodiscard]] std::vector<controllers::Target> reachable_targets(
    const std::set<std::string>& projects, const kube::Store<api::Warehouse>& warehouses,
    const kube::Store<api::Promotion>& promotions);

}  // namespace receiver::webhook
