#include "controllers/routes.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace receiver::controllers {
namespace {

/// The part after the last slash: HEX in a receiver's path.
std::string_view last_segment(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

/// Whether `asked` is the whole path, or a part of it that begins with a segment and has at least
/// the last two.
bool leads_to(std::string_view asked, std::string_view whole) {
  constexpr std::string_view kLeast = "/bitbucket/";
  if (asked == whole) return true;
  return asked.starts_with('/') && whole.ends_with(asked) &&
         asked.size() >= kLeast.size() + last_segment(whole).size();
}

}  // namespace

void RouteTable::replace(const kube::ObjectKey& owner, std::vector<Route> routes, bool incomplete) {
  const std::unique_lock lock(mutex_);
  const auto owned = by_owner_.try_emplace(owner).first;
  unlink(owned->second);
  owned->second = std::move(routes);
  for (const Route& route : owned->second) by_hex_.emplace(last_segment(route.path), &route);
  if (incomplete) {
    incomplete_.insert(owner);
  } else {
    incomplete_.erase(owner);
  }
  if (owned->second.empty()) by_owner_.erase(owned);
}

void RouteTable::unlink(const std::vector<Route>& routes) {
  for (const Route& route : routes) {
    auto [at, end] = by_hex_.equal_range(last_segment(route.path));
    while (at != end && at->second != &route) ++at;
    if (at != end) by_hex_.erase(at);
  }
}

void RouteTable::owners_listed() {
  const std::unique_lock lock(mutex_);
  owners_listed_ = true;
}

std::vector<Route> RouteTable::find(std::string_view path) const {
  std::vector<Route> found;
  const std::shared_lock lock(mutex_);
  const auto [begin, end] = by_hex_.equal_range(last_segment(path));
  for (auto at = begin; at != end; ++at) {
    if (leads_to(path, at->second->path)) found.push_back(*at->second);
  }
  return found;
}

bool RouteTable::serves(std::string_view path, std::string_view project,
                        std::string_view receiver) const {
  const std::shared_lock lock(mutex_);
  const auto [begin, end] = by_hex_.equal_range(last_segment(path));
  return std::any_of(begin, end, [&](const auto& entry) {
    const Route& route = *entry.second;
    return route.path == path && route.project == project && route.receiver == receiver;
  });
}

bool RouteTable::complete() const {
  const std::shared_lock lock(mutex_);
  return owners_listed_ && incomplete_.empty();
}

std::set<std::string> RouteTable::projects() const {
  std::set<std::string> projects;
  const std::shared_lock lock(mutex_);
  for (const auto& [hex, route] : by_hex_) projects.insert(route->project);
  return projects;
}

std::size_t RouteTable::size() const {
  const std::shared_lock lock(mutex_);
  return by_hex_.size();
}

}  // namespace receiver::controllers
