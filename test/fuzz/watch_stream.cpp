// The bodies of watches, as they arrive in pieces.

#include <optional>
#include <string>

#include "api/warehouse.h"
#include "json/json.h"
#include "kube/object_meta.h"
#include "kube/watch_reader.h"
#include "test/fuzz/fuzz.h"

namespace receiver::fuzz {
namespace {

constexpr std::size_t kMaxEventBytes = 600;

/// Describes an event as a reader sees it.
std::string describe(const kube::WatchReader::Event& event) {
  static const json::Projection projection =
      kube::watch_event_projection(api::warehouse_projection());
  if (event.too_large) {
    require(event.json.size() == kMaxEventBytes, "of what is too large the beginning is kept");
    return "too large: " + kube::key_in_beginning(event.json).str() + "\n";
  }
  require(event.json.size() <= kMaxEventBytes, "an event is bounded");
  require(event.json.starts_with('{') && (event.json.ends_with('}') || event.json.ends_with(']')),
          "an event is cut at its ends");
  const auto read = kube::read_watch_event(event.json, projection);
  if (!read) return "unreadable: " + read.error() + "\n";
  const auto meta = kube::read_meta(read->object());
  if (!meta) return "no metadata: " + meta.error() + "\n";
  return std::to_string(static_cast<int>(read->type)) + " " + meta->key.str() + " " +
         json::to_text(read->object()) + "\n";
}

std::string transcript(std::string_view stream, const Cut& cut) {
  std::string heard;
  kube::WatchReader reader(
      [&](const kube::WatchReader::Event& event) {
        heard += describe(event);
        return true;
      },
      kMaxEventBytes);
  while (!stream.empty()) {
    const std::string piece(stream.substr(0, cut(stream.size())));  // gone after the call
    stream.remove_prefix(piece.size());
    if (const auto fed = reader.feed(piece); !fed) return heard + fed.error();
  }
  return heard;
}

}  // namespace

void fuzz(std::string_view input) {
  std::optional<std::string> whole;
  for_each_cut(input, [&](const Cut& cut) {
    std::string heard = transcript(input, cut);
    if (!whole) {
      whole = std::move(heard);
    } else
      require_equal(heard, *whole, "what a watch says does not depend on how it is cut");
  });
}

}  // namespace receiver::fuzz
