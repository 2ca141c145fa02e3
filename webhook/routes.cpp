#include "webhook/routes.h"

#include <mutex>
#include <utility>

namespace receiver::webhook {

void RouteTable::replace(const kube::ObjectKey& owner, std::vector<controllers::Route> routes,
                         bool incomplete) {
  const std::unique_lock lock(mutex_);
  std::vector<controllers::Route>& owned = by_owner_[owner];
  unlink(owned);
  owned = std::move(routes);
  for (const controllers::Route& route : owned) by_path_.emplace(route.path, &route);
  if (incomplete) {
    incomplete_.insert(owner);
  } else {
    incomplete_.erase(owner);
  }
}

void RouteTable::remove(const kube::ObjectKey& owner) {
  const std::unique_lock lock(mutex_);
  incomplete_.erase(owner);
  const auto owned = by_owner_.find(owner);
  if (owned == by_owner_.end()) return;
  unlink(owned->second);
  by_owner_.erase(owned);
}

void RouteTable::unlink(const std::vector<controllers::Route>& routes) {
  for (const controllers::Route& route : routes) {
    auto [at, end] = by_path_.equal_range(route.path);
    while (at != end && at->second != &route) ++at;
    if (at != end) by_path_.erase(at);
  }
}

void RouteTable::owners_listed() {
  const std::unique_lock lock(mutex_);
  owners_listed_ = true;
}

std::vector<controllers::Route> RouteTable::find(std::string_view path) const {
  std::vector<controllers::Route> found;
  const std::shared_lock lock(mutex_);
  const auto [begin, end] = by_path_.equal_range(path);
  for (auto at = begin; at != end; ++at) found.push_back(*at->second);
  return found;
}

bool RouteTable::complete() const {
  const std::shared_lock lock(mutex_);
  return owners_listed_ && incomplete_.empty();
}

std::set<std::string> RouteTable::projects() const {
  std::set<std::string> projects;
  const std::shared_lock lock(mutex_);
  for (const auto& [path, route] : by_path_) projects.insert(route->project);
  return projects;
}

std::size_t RouteTable::size() const {
  const std::shared_lock lock(mutex_);
  return by_path_.size();
}

}  // namespace receiver::webhook
