#include "kube/reflector_decoder.h"

#include <utility>

#include "kube/object_meta.h"

namespace receiver::kube::reflecting {
namespace {

/// The only part that is read of an object that may not be wanted.
const json::Projection& meta_alone() {
  static const json::Projection projection = with_meta({"/metadata/name"});
  return projection;
}
const json::Projection& meta_of_event_alone() {
  static const json::Projection projection = watch_event_projection({"/metadata/name"});
  return projection;
}

bool tells_of_object(const WatchEvent& event) {
  return event.type != WatchEvent::Type::kBookmark && event.type != WatchEvent::Type::kError;
}

}  // namespace

Decoder::Decoder(const json::Projection& projection, Wanted wanted)
    : item_(with_meta(projection)),
      event_(watch_event_projection(projection)),
      wanted_(std::move(wanted)) {}

tl::expected<std::optional<json::Document>, std::string> Decoder::item(
    std::string_view json) const {
  if (wanted_) {
    if (const auto read = json::parse(json, meta_alone())) {
      const auto meta = read_meta(*read);
      if (meta && !wanted_(meta->key)) return std::nullopt;
    }
  }
  return json::parse(json, item_);
}

tl::expected<WatchEvent, std::string> Decoder::event(std::string_view json) const {
  if (wanted_) {
    auto read = read_watch_event(json, meta_of_event_alone());
    if (!read || !tells_of_object(*read)) return read;
    const auto meta = read_meta(read->object());
    if (!meta || !wanted_(meta->key)) return read;
  }
  return read_watch_event(json, event_);
}

ObjectKey key_in_event(std::string_view json) {
  constexpr std::string_view kObject = R"("object":)";
  const auto at = json.find(kObject);
  return at == std::string_view::npos ? ObjectKey()
                                      : key_in_beginning(json.substr(at + kObject.size()));
}

}  // namespace receiver::kube::reflecting
