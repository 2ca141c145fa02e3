#include "http/connection_table.h"

#include "http/connection.h"

namespace receiver::http {

namespace {

/// Connections above the limit that may wait briefly for their 503.
constexpr std::size_t kRefusedAtOnce = 64;

}  // namespace

ConnectionTable::Room ConnectionTable::make_room() {
  {
    const std::lock_guard lock(mutex_);
    if (served_ < bound_) return {Admission::kServed};
  }
  if (displace_idle()) return {Admission::kServed, true};
  const std::lock_guard lock(mutex_);
  return {refused_ < kRefusedAtOnce ? Admission::kRefused : Admission::kClosed};
}

bool ConnectionTable::displace_idle() {
  std::shared_ptr<Connection> victim;
  {
    const std::lock_guard lock(mutex_);
    for (;;) {
      auto longest = connections_.end();
      auto since = clock::Steady::time_point::max();
      for (auto entry = connections_.begin(); entry != connections_.end(); ++entry) {
        const auto idle = entry->first->idle_since();
        if (idle && *idle < since) {
          since = *idle;
          longest = entry;
        }
      }
      if (longest == connections_.end()) return false;
      // Its next request may have arrived between looking and claiming. Then look for another one.
      if (longest->first->claim_idle()) {
        longest->second = Admission::kClosed;
        --served_;
        victim = longest->first->weak_from_this().lock();
        break;
      }
    }
  }
  if (victim) {  // else it is closing already
    victim->cut();
  }
  return true;
}

void ConnectionTable::add(Connection& connection, Admission admission) {
  const std::lock_guard lock(mutex_);
  connections_.emplace(&connection, admission);
  served_ += admission == Admission::kServed ? 1 : 0;
  refused_ += admission == Admission::kRefused ? 1 : 0;
}

void ConnectionTable::remove(Connection& connection) {
  const std::lock_guard lock(mutex_);
  const auto entry = connections_.find(&connection);
  if (entry != connections_.end()) {
    served_ -= entry->second == Admission::kServed ? 1 : 0;
    refused_ -= entry->second == Admission::kRefused ? 1 : 0;
    connections_.erase(entry);
  }
}

std::vector<std::shared_ptr<Connection>> ConnectionTable::collect(
    const std::function<bool(Connection&)>& wanted) const {
  std::vector<std::shared_ptr<Connection>> collected;
  const std::lock_guard lock(mutex_);
  collected.reserve(connections_.size());  // nothing may throw below: a last reference must not be
                                           // released under the lock
  for (const auto& [connection, admission] : connections_) {
    if (wanted(*connection)) collected.push_back(connection->weak_from_this().lock());
  }
  return collected;
}

void ConnectionTable::expire(clock::Steady::time_point now) {
  for (const auto& connection :
       collect([now](Connection& each) { return each.deadline() <= now; })) {
    if (connection) connection->wake();
  }
}

void ConnectionTable::close_idle() {
  for (const auto& connection : collect([](Connection& each) { return each.claim_idle(); })) {
    if (connection) connection->cut();
  }
}

void ConnectionTable::cut_all() {
  for (const auto& connection : collect([](Connection&) { return true; })) {
    if (connection) connection->cut();
  }
}

bool ConnectionTable::empty() const {
  const std::lock_guard lock(mutex_);
  return connections_.empty();
}

}  // namespace receiver::http
