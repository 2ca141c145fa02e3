#pragma once

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rapidjson/document.h>
#include <tl/expected.hpp>

#include "kube/object_key.h"

namespace receiver::kube {

/// Receives what a reflector reads. Called only on the reflector's thread.
class ObjectSink {
 public:
  virtual ~ObjectSink() = default;
  /// A complete list begins. Readers see the old set until end_replace().
  virtual void begin_replace() = 0;
  /// One object of the list. The error says why the object cannot be read; it is skipped (an older
  /// copy is kept).
  virtual tl::expected<void, std::string> add_listed(const ObjectMeta& meta,
                                                     const rapidjson::Value& object) = 0;
  /// An object of the list that cannot be parsed: an older copy is kept.
  virtual void keep_listed(const ObjectKey& /*key*/) {}
  /// The list is complete: objects that it did not contain are deleted.
  virtual void end_replace() = 0;
  /// The list ended early: discard it.
  virtual void abort_replace() = 0;
  /// An event of a watch: added or modified.
  virtual tl::expected<void, std::string> upsert(const ObjectMeta& meta,
                                                 const rapidjson::Value& object) = 0;
  virtual void remove(const ObjectKey& key) = 0;
};

/// The objects of one kind as compact values, with one index. Readers may be on any thread; the
/// reflector writes. `decode` builds T from the projected object; T should contain only what is
/// used. An object with an unchanged resource version keeps its value without decoding; one whose
/// value is equal to the old one (where T has ==) counts as unchanged.
template <typename T>
class Store final : public ObjectSink {
 public:
  using Object = std::shared_ptr<const T>;
  using Decode =
      std::function<tl::expected<T, std::string>(const ObjectMeta&, const rapidjson::Value&)>;
  /// The index keys of an object. Keys are ordered bytewise; by_index_prefix() finds objects by any
  /// prefix of a key.
  using IndexKeys = std::function<std::vector<std::string>(const T&)>;
  /// Called after a change, on the reflector's thread: `before` is null for a new object, `now` for
  /// a deleted one. May read the store. The key is valid during the call.
  using Observer =
      std::function<void(const ObjectKey& key, const Object& before, const Object& now)>;

  explicit Store(Decode decode, IndexKeys index_keys = {})
      : decode_(std::move(decode)), index_keys_(std::move(index_keys)) {}

  /// Call before the reflector starts.
  void observe(Observer observer) { observers_.push_back(std::move(observer)); }

  [[nodiscard]] Object get(const ObjectKey& key) const;
  /// In no particular order.
  [[nodiscard]] std::vector<Object> list() const;
  /// Calls `visit(key, object)` for each object, in no particular order. Writers wait meanwhile: it
  /// must be short, and must not call the store.
  template <typename Visit>
  void for_each(Visit&& visit) const;
  /// Objects with an index key that begins with `prefix`, each once, in no particular order.
  [[nodiscard]] std::vector<Object> by_index_prefix(std::string_view prefix) const;
  [[nodiscard]] std::size_t size() const;
  /// Whether a complete list has been read. Stays true: a store without a connection serves what it
  /// has.
  [[nodiscard]] bool synced() const { return synced_.load(std::memory_order_acquire); }

  void begin_replace() override;
  tl::expected<void, std::string> add_listed(const ObjectMeta& meta,
                                             const rapidjson::Value& object) override;
  void keep_listed(const ObjectKey& key) override;
  void end_replace() override;
  void abort_replace() override { staged_.clear(); }
  tl::expected<void, std::string> upsert(const ObjectMeta& meta,
                                         const rapidjson::Value& object) override;
  void remove(const ObjectKey& key) override;

 private:
  struct Entry {
    Object object;
    std::string resource_version;
    std::uint32_t seen_in = 0;  ///< the last list that named it
  };
  using Entries = std::unordered_map<ObjectKey, Entry>;
  using Node = typename Entries::value_type;  ///< does not move until it is erased

  struct IndexEntry {
    std::string key;
    const Node* node;
  };
  struct IndexOrder {
    using is_transparent = void;
    bool operator()(const IndexEntry& a, const IndexEntry& b) const {
      const int order = a.key.compare(b.key);
      return order != 0 ? order < 0 : std::less<>()(a.node, b.node);
    }
    bool operator()(const IndexEntry& a, std::string_view b) const { return a.key < b; }
  };

  /// The changes of a complete list, reported later without the lock.
  struct Changed {
    const Node* node;
    Object before;
  };

  tl::expected<Object, std::string> decode(const ObjectMeta& meta,
                                           const rapidjson::Value& object) const;
  static bool equal(const Object& before, const Object& now);
  void replace_staged(std::vector<Changed>& changed);
  void extract_unseen(std::vector<typename Entries::node_type>& removed);
  void index(const Node& node);
  void unindex(const Node& node);
  void notify(const ObjectKey& key, const Object& before, const Object& now) const;

  const Decode decode_;
  const IndexKeys index_keys_;
  std::vector<Observer> observers_;

  // Only the reflector's thread writes, so it reads without the lock. It holds the lock exclusively
  // to change what readers see: the structure of entries_ and index_, and the objects.
  mutable std::shared_mutex mutex_;
  Entries entries_;
  std::set<IndexEntry, IndexOrder> index_;
  std::atomic<bool> synced_ = false;

  Entries staged_;  ///< new or changed objects of an incomplete list
  std::uint32_t list_ = 0;
};

template <typename T>
typename Store<T>::Object Store<T>::get(const ObjectKey& key) const {
  const std::shared_lock lock(mutex_);
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : found->second.object;
}

template <typename T>
std::vector<typename Store<T>::Object> Store<T>::list() const {
  std::vector<Object> objects;
  const std::shared_lock lock(mutex_);
  objects.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) objects.push_back(entry.object);
  return objects;
}

template <typename T>
template <typename Visit>
void Store<T>::for_each(Visit&& visit) const {
  const std::shared_lock lock(mutex_);
  for (const auto& [key, entry] : entries_) visit(key, entry.object);
}

template <typename T>
std::vector<typename Store<T>::Object> Store<T>::by_index_prefix(std::string_view prefix) const {
  std::vector<Object> objects;
  const std::shared_lock lock(mutex_);
  std::vector<const Node*> nodes;
  for (auto at = index_.lower_bound(prefix); at != index_.end() && at->key.starts_with(prefix);
       ++at) {
    nodes.push_back(at->node);
  }
  std::sort(nodes.begin(), nodes.end(), std::less<>());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  objects.reserve(nodes.size());
  for (const Node* node : nodes) objects.push_back(node->second.object);
  return objects;
}

template <typename T>
std::size_t Store<T>::size() const {
  const std::shared_lock lock(mutex_);
  return entries_.size();
}

template <typename T>
void Store<T>::begin_replace() {
  staged_.clear();
  ++list_;
}

template <typename T>
tl::expected<void, std::string> Store<T>::add_listed(const ObjectMeta& meta,
                                                     const rapidjson::Value& object) {
  const auto held = entries_.find(meta.key);
  if (held != entries_.end()) {
    held->second.seen_in = list_;
    if (held->second.resource_version == meta.resource_version) {
      staged_.erase(meta.key);  // from an earlier page, if at all
      return {};
    }
  }
  auto decoded = decode(meta, object);
  if (!decoded) return tl::unexpected(std::move(decoded.error()));
  staged_.insert_or_assign(meta.key, Entry{std::move(*decoded), meta.resource_version, list_});
  return {};
}

template <typename T>
void Store<T>::keep_listed(const ObjectKey& key) {
  const auto held = entries_.find(key);
  if (held != entries_.end()) held->second.seen_in = list_;
}

template <typename T>
void Store<T>::end_replace() {
  std::vector<Changed> changed;
  std::vector<typename Entries::node_type> removed;
  {
    const std::unique_lock lock(mutex_);
    replace_staged(changed);
    extract_unseen(removed);
    synced_.store(true, std::memory_order_release);
  }
  staged_ = Entries();  // frees its buckets
  for (const auto& node : removed) notify(node.key(), node.mapped().object, nullptr);
  for (const auto& change : changed) {
    notify(change.node->first, change.before, change.node->second.object);
  }
}

template <typename T>
void Store<T>::replace_staged(std::vector<Changed>& changed) {
  changed.reserve(staged_.size());
  if (entries_.empty()) {  // the first list: taken over unchanged
    entries_.swap(staged_);
    for (const Node& node : entries_) {
      index(node);
      changed.push_back({&node, nullptr});
    }
    return;
  }
  while (!staged_.empty()) {
    auto inserted = entries_.insert(staged_.extract(staged_.begin()));
    Node& node = *inserted.position;
    Object before;
    if (!inserted.inserted) {
      Entry& now = inserted.node.mapped();
      node.second.resource_version = std::move(now.resource_version);
      if (equal(node.second.object, now.object)) continue;
      unindex(node);
      before = std::exchange(node.second.object, std::move(now.object));
    }
    index(node);
    changed.push_back({&node, std::move(before)});
  }
}

template <typename T>
void Store<T>::extract_unseen(std::vector<typename Entries::node_type>& removed) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto here = at++;
    if (here->second.seen_in == list_) continue;
    unindex(*here);
    removed.push_back(entries_.extract(here));
  }
}

template <typename T>
tl::expected<void, std::string> Store<T>::upsert(const ObjectMeta& meta,
                                                 const rapidjson::Value& object) {
  const auto held = entries_.find(meta.key);
  if (held != entries_.end() && held->second.resource_version == meta.resource_version) return {};
  auto decoded = decode(meta, object);
  if (!decoded) return tl::unexpected(std::move(decoded.error()));
  const Object now = std::move(*decoded);
  Object before;
  {
    const std::unique_lock lock(mutex_);
    Node& node = *entries_.try_emplace(meta.key).first;
    node.second.resource_version = meta.resource_version;
    if (equal(node.second.object, now)) return {};
    if (node.second.object != nullptr) unindex(node);
    before = std::exchange(node.second.object, now);
    index(node);
  }
  notify(meta.key, before, now);
  return {};
}

template <typename T>
void Store<T>::remove(const ObjectKey& key) {
  typename Entries::node_type removed;
  {
    const std::unique_lock lock(mutex_);
    const auto held = entries_.find(key);
    if (held == entries_.end()) return;
    unindex(*held);
    removed = entries_.extract(held);
  }
  notify(removed.key(), removed.mapped().object, nullptr);
}

template <typename T>
tl::expected<typename Store<T>::Object, std::string> Store<T>::decode(
    const ObjectMeta& meta, const rapidjson::Value& object) const {
  auto decoded = decode_(meta, object);
  if (!decoded) return tl::unexpected(std::move(decoded.error()));
  return std::make_shared<const T>(std::move(*decoded));
}

template <typename T>
bool Store<T>::equal(const Object& before, const Object& now) {
  if constexpr (std::equality_comparable<T>) return before != nullptr && *before == *now;
  return false;
}

template <typename T>
void Store<T>::index(const Node& node) {
  if (!index_keys_) return;
  for (std::string& key : index_keys_(*node.second.object)) index_.insert({std::move(key), &node});
}

template <typename T>
void Store<T>::unindex(const Node& node) {
  if (!index_keys_) return;
  for (std::string& key : index_keys_(*node.second.object)) index_.erase({std::move(key), &node});
}

template <typename T>
void Store<T>::notify(const ObjectKey& key, const Object& before, const Object& now) const {
  for (const Observer& observer : observers_) observer(key, before, now);
}

}  // namespace receiver::kube
