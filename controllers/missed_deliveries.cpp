#include "controllers/missed_deliveries.h"

#include <algorithm>

#include "text/ascii.h"

namespace receiver::controllers {

using bitbucket_rest::Repository;

bool MissedDeliveries::is_news(const std::string& repository,
                               const std::optional<bitbucket_rest::FailedDelivery>& newest,
                               clock::Wall::time_point bitbuckets_now,
                               clock::Steady::time_point now) {
  Known& known = known_.try_emplace(repository, Known{.since = now}).first->second;
  // The first look may come late: in a large round, or after a token was paused.
  if (!known.newest) known.newest = bitbuckets_now - kFirstLook - (now - known.since);
  if (!newest || newest->when <= *known.newest) return false;
  known.newest = newest->when;
  return true;
}

void MissedDeliveries::keep(const std::set<std::string>& repositories,
                            clock::Steady::time_point now) {
  std::erase_if(known_, [&](const auto& known) { return !repositories.contains(known.first); });
  for (const std::string& repository : repositories) known_.try_emplace(repository, Known{now, {}});
}

std::vector<Target> subscribers(const std::string& project, const BitbucketAccess& access,
                                const Repository& repository,
                                const kube::Store<api::Warehouse>& warehouses) {
  const std::string name = text::ascii_lower(repository.name());  // Bitbucket ignores letter case
  std::vector<Target> targets;
  warehouses.for_each([&](const kube::ObjectKey& key, const auto& warehouse) {
    if (!project.empty() && key.ns != project) return;
    const bool subscribes =
        std::ranges::any_of(warehouse->subscriptions, [&](const auto& subscription) {
          const auto named = access.repository(subscription.repo_url);
          return named && text::ascii_lower(named->name()) == name;
        });
    if (subscribes) targets.push_back({TargetKind::kWarehouse, key});
  });
  return targets;
}

}  // namespace receiver::controllers
