#include "kube/watch_reader.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

namespace receiver::kube {
namespace {

std::optional<WatchEvent::Type> type_of(std::string_view name) {
  using Type = WatchEvent::Type;
  if (name == "ADDED") return Type::kAdded;
  if (name == "MODIFIED") return Type::kModified;
  if (name == "DELETED") return Type::kDeleted;
  if (name == "BOOKMARK") return Type::kBookmark;
  if (name == "ERROR") return Type::kError;
  return std::nullopt;
}

}  // namespace

WatchReader::WatchReader(OnEvent on_event, std::size_t max_event_bytes)
    : on_event_(std::move(on_event)), events_(max_event_bytes) {}

tl::expected<void, std::string> WatchReader::feed(std::string_view piece) {
  end_of_piece_ += piece.size();
  std::string_view text = piece;
  while (!ended_) {
    if (!events_.open()) text = json::skip_space(text);
    if (text.empty()) break;
    if (!events_.open() && text.front() != '{') {
      ended_ = true;
      return tl::unexpected(
          fmt::format("not a watch: an event is expected at byte {}", end_of_piece_ - text.size()));
    }
    if (events_.take(text)) {
      ended_ = !on_event_({.json = events_.value(), .too_large = events_.too_large()});
      events_.release();
    }
  }
  return {};
}

const rapidjson::Value& WatchEvent::object() const {
  static const rapidjson::Value none;
  const rapidjson::Value* found = json::find(document, "/object");
  return found != nullptr ? *found : none;
}

json::Projection watch_event_projection(const json::Projection& object) {
  return with_meta(object)
      .with({"/kind", "/code", "/reason", "/message", "/details/retryAfterSeconds"})
      .under("/object")
      .with({"/type"});
}

tl::expected<WatchEvent, std::string> read_watch_event(std::string_view json,
                                                       const json::Projection& projection) {
  auto document = json::parse(json, projection);
  if (!document) return tl::unexpected(std::move(document.error()));
  const auto type = type_of(json::string_at(*document, "/type"));
  if (!type) return tl::unexpected(std::string("an event of unknown type"));
  const auto* object = json::find(*document, "/object");
  if (object == nullptr || !object->IsObject()) {
    return tl::unexpected(std::string("an event without an object"));
  }
  return WatchEvent{.type = *type, .document = std::move(*document)};
}

}  // namespace receiver::kube
