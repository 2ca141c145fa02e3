#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include <rapidjson/document.h>
#include <tl/expected.hpp>

#include "json/json.h"
#include "json/value_cutter.h"
#include "kube/object_meta.h"

namespace receiver::kube {

/// Splits the body of a watch, one JSON object after another, into its events as it arrives.
class WatchReader {
 public:
  struct Event {
    std::string_view
        json;        ///< valid during the call; for an event that is too large, its beginning
    bool too_large;  ///< larger than the limit of an object
  };
  /// Returns whether to continue; after false nothing more is read.
  using OnEvent = std::function<bool(const Event&)>;

  explicit WatchReader(OnEvent on_event, std::size_t max_event_bytes = kMaxObjectBytes);

  /// Takes the next piece of the body. The error, which is final, says where it is not a watch.
  tl::expected<void, std::string> feed(std::string_view piece);
  /// Buffered bytes of an event whose end has not arrived. None between events.
  [[nodiscard]] std::size_t held() const { return events_.held(); }

 private:
  OnEvent on_event_;
  json::ValueCutter events_;
  std::size_t end_of_piece_ = 0;  ///< in the body
  bool ended_ = false;
};

/// A decoded event of a watch.
struct WatchEvent {
  enum class Type { kAdded, kModified, kDeleted, kBookmark, kError };
  Type type;
  json::Document document;

  /// The object of the event: a Status for an error, only a resource version for a bookmark.
  [[nodiscard]] const rapidjson::Value& object() const;
};

/// The projection of an event, for a projection of its object.
[[nodiscard]] json::Projection watch_event_projection(const json::Projection& object);

/// `projection` is one of watch_event_projection(). The error says what is wrong with the event.
[[nodiscard]] tl::expected<WatchEvent, std::string> read_watch_event(
    std::string_view json, const json::Projection& projection);

}  // namespace receiver::kube
