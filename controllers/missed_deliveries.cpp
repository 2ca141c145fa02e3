#include "controllers/missed_deliveries.h"

#include <algorithm>

#include "text/ascii.h"

namespace receiver::controllers {

using bitbucket_rest::Repository;

bool MissedDeliveries::is_news(const std::string& repository,
                               const std::optional<bitbucket_rest::FailedDelivery>& newest,
                               clock::Wall::time_point now) {
  auto& known = known_.try_emplace(repository, now - kFirstLook).first->second;
  if (!newest || newest->when <= known) return false;
  known = newest->when;
  return true;
}

void MissedDeliveries::keep(const std::vector<Repository>& repositories) {
  std::erase_if(known_, [&](const auto& known) {
    return std::ranges::none_of(repositories, [&](const Repository& repository) {
      return repository.name() == known.first;
    });
  });
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
