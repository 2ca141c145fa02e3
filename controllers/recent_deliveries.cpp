#include "controllers/recent_deliveries.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

namespace receiver::controllers {
namespace {

// Memory of the containers besides the texts, rounded up.
constexpr std::size_t kBytesPerDelivery = 512;  ///< its nodes, and an entry of its recipient
constexpr std::size_t kBytesPerKey = 320;       ///< two strings and an entry of the index
constexpr std::size_t kBytesPerRef = sizeof(std::string) + 16;

/// Neither a kind nor a namespace contains a line break, so the parts cannot be confused.
std::string key_of(TargetKind kind, const std::string& project, const std::string& identity) {
  std::string key(1, kind == TargetKind::kWarehouse ? 'w' : 'p');
  return key.append(project).append("\n").append(identity);
}

void combine(std::size_t& hash, const std::string& text) {
  hash = hash * 31 + std::hash<std::string>{}(text);
}

std::size_t bytes_of(const Recipient& recipient, const std::vector<std::string>& keys,
                     const std::vector<std::string>& refs) {
  std::size_t bytes = kBytesPerDelivery + recipient.path.size() + recipient.project.size() +
                      recipient.receiver.size();
  for (const std::string& key : keys) bytes += kBytesPerKey + 2 * key.size();
  for (const std::string& ref : refs) bytes += kBytesPerRef + ref.size();
  return bytes;
}

}  // namespace

std::size_t RecentDeliveries::RecipientHash::operator()(const Recipient& recipient) const {
  std::size_t hash = 0;
  combine(hash, recipient.path);
  combine(hash, recipient.project);
  combine(hash, recipient.receiver);
  return hash;
}

std::size_t RecentDeliveries::ContentHash::operator()(const Delivery* delivery) const {
  auto hash = std::hash<const void*>{}(delivery->recipient);
  for (const std::string& key : delivery->keys) combine(hash, key);
  for (const std::string& ref : delivery->refs) combine(hash, ref);
  return hash;
}

bool RecentDeliveries::SameContent::operator()(const Delivery* left, const Delivery* right) const {
  return left->recipient == right->recipient && left->keys == right->keys &&
         left->refs == right->refs;
}

void RecentDeliveries::remember(const Recipient& recipient, const Named& named, Time now) {
  const auto is_short = [this](const std::string& name) {
    return name.size() <= limits_.name_bytes;
  };
  if (std::ranges::none_of(named.identities, is_short)) return;
  // For both kinds, so that expired deliveries do not displace others.
  for (Kind& each : kinds_) forget_expired(each, now);
  Kind& kind = of(named.kind);
  const auto of_recipient = recipients_.try_emplace(recipient).first;
  Delivery delivery{
      .kind = named.kind, .recipient = &*of_recipient, .keys = {}, .refs = {}, .at = now};
  for (const std::string& identity : named.identities) {
    if (is_short(identity)) {
      delivery.keys.push_back(key_of(named.kind, recipient.project, identity));
    }
  }
  std::sort(delivery.keys.begin(), delivery.keys.end());
  delivery.keys.erase(std::unique(delivery.keys.begin(), delivery.keys.end()), delivery.keys.end());
  const bool refs_are_few = named.refs.size() <= limits_.refs;
  if (refs_are_few && std::ranges::all_of(named.refs, is_short)) delivery.refs = named.refs;

  ByRecipient& its_deliveries = of_recipient->second;
  if (const auto known = by_content_.find(&delivery); known != by_content_.end()) {
    const auto again = (*known)->self;
    again->at = now;
    kind.deliveries.splice(kind.deliveries.end(), kind.deliveries, again);
    its_deliveries.splice(its_deliveries.end(), its_deliveries, again->of_recipient);
    return;
  }
  delivery.bytes = bytes_of(recipient, delivery.keys, delivery.refs);
  kind.deliveries.push_back(std::move(delivery));
  Delivery& kept = kind.deliveries.back();
  kept.self = std::prev(kind.deliveries.end());
  kept.of_recipient = its_deliveries.insert(its_deliveries.end(), &kept);
  by_content_.insert(&kept);
  for (const std::string& key : kept.keys) by_key_[key].insert(&kept);
  bytes_ += kept.bytes;
  forget_beyond_bounds(its_deliveries);
}

std::vector<RecentDeliveries::Found> RecentDeliveries::find(TargetKind kind, const std::string& ns,
                                                            const std::string& identity, Time now) {
  forget_expired(of(kind), now);
  std::unordered_map<const Recipients::value_type*, std::vector<const Delivery*>> by_recipient;
  std::size_t refs = 0;
  for (const std::string& project : {ns, std::string()}) {
    const auto named = by_key_.find(key_of(kind, project, identity));
    if (named == by_key_.end()) continue;
    for (const Delivery* delivery : named->second) {
      by_recipient[delivery->recipient].push_back(delivery);
      refs += delivery->refs.size();
    }
  }
  std::vector<Found> found;
  for (const auto& [recipient, deliveries] : by_recipient) {
    Found& one = found.emplace_back(Found{recipient->first, {}});
    const bool known =
        refs <= limits_.refs_asked &&
        std::none_of(deliveries.begin(), deliveries.end(),
                     [](const Delivery* delivery) { return delivery->refs.empty(); });
    if (!known) continue;
    for (const Delivery* delivery : deliveries) {
      one.refs.insert(one.refs.end(), delivery->refs.begin(), delivery->refs.end());
    }
  }
  return found;
}

void RecentDeliveries::watch_broke(TargetKind kind, Time now) {
  // Expired deliveries must not come back because of the break.
  forget_expired(of(kind), now);
  of(kind).current_since.reset();
}

void RecentDeliveries::watch_is_current(TargetKind kind, Time now) {
  forget_expired(of(kind), now);
  of(kind).current_since = now;
}

bool RecentDeliveries::expired(const Delivery& delivery, const Kind& kind, Time now) const {
  return kind.current_since &&
         now - std::max(delivery.at, *kind.current_since) > limits_.remembered;
}

void RecentDeliveries::forget_expired(Kind& kind, Time now) {
  while (!kind.deliveries.empty() && expired(kind.deliveries.front(), kind, now)) {
    forget(kind.deliveries.front());
  }
}

void RecentDeliveries::forget_beyond_bounds(const ByRecipient& newest) {
  while (newest.size() > limits_.per_recipient) drop(*newest.front());
  while (size() > limits_.deliveries || bytes_ > limits_.bytes) {
    const auto older = [](const Kind& left, const Kind& right) {
      if (left.deliveries.empty() || right.deliveries.empty()) return !left.deliveries.empty();
      return left.deliveries.front().at < right.deliveries.front().at;
    };
    drop(std::min_element(kinds_.begin(), kinds_.end(), older)->deliveries.front());
  }
}

void RecentDeliveries::drop(const Delivery& delivery) {
  ++dropped_;
  forget(delivery);
}

void RecentDeliveries::forget(const Delivery& delivery) {
  bytes_ -= delivery.bytes;
  by_content_.erase(&delivery);
  for (const std::string& key : delivery.keys) {
    const auto named = by_key_.find(key);
    named->second.erase(&delivery);
    if (named->second.empty()) by_key_.erase(named);
  }
  ByRecipient& its_deliveries = delivery.recipient->second;
  its_deliveries.erase(delivery.of_recipient);
  if (its_deliveries.empty()) recipients_.erase(recipients_.find(delivery.recipient->first));
  of(delivery.kind).deliveries.erase(delivery.self);
}

}  // namespace receiver::controllers
