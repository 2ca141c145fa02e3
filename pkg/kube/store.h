#pragma once

#include <rapidjson/document.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kube/object_key.h"

namespace receiver::kube {

/// Where a reflector puts what it reads. Called on the reflector's thread only.
class ObjectSink {
 public:
  virtual ~ObjectSink() = default;
  /// A full list begins; readers go on to see the old set until end_replace().
  virtual void begin_replace() = 0;
  /// One object of the list. The error says why the object cannot be read; it is skipped (an older copy is kept).
  virtual tl::expected<void, std::string> add_listed(const ObjectMeta& meta, const rapidjson::Value& object) = 0;
  /// The list is whole: what it did not name is deleted.
  virtual void end_replace() = 0;
  /// The list broke off: forget it.
  virtual void abort_replace() = 0;
  /// One event of a watch: added or modified.
  virtual tl::expected<void, std::string> upsert(const ObjectMeta& meta, const rapidjson::Value& object) = 0;
  virtual void remove(const ObjectKey& key) = 0;
};

/// The objects of one kind as compact values, with one index. Readers on any thread; the reflector writes.
/// T is built by `decode` from the projected object; T should hold no more than is used.
template <typename T>
class Store final : public ObjectSink {
 public:
  using Object = std::shared_ptr<const T>;
  using Decode = std::function<tl::expected<T, std::string>(const ObjectMeta&, const rapidjson::Value&)>;
  /// The index keys of an object. Keys are ordered bytewise; by_index_prefix() finds by any prefix of one.
  using IndexKeys = std::function<std::vector<std::string>(const T&)>;
  /// After the store has changed, on the reflector's thread: `before` is null for a new object, `now` for a deleted one.
  using Observer = std::function<void(const ObjectKey& key, const Object& before, const Object& now)>;

  explicit Store(Decode decode, IndexKeys index_keys = {});

  /// Before the reflector starts.
  void observe(Observer observer);

  [[nodiscard]] Object get(const ObjectKey& key) const;
  /// In no particular order.
  [[nodiscard]] std::vector<Object> list() const;
  /// Objects with an index key that begins with `prefix`, each once.
  [[nodiscard]] std::vector<Object> by_index_prefix(std::string_view prefix) const;
  [[nodiscard]] std::size_t size() const;
  /// A full list has been seen.
  [[nodiscard]] bool synced() const;
};

}  // namespace receiver::kube
