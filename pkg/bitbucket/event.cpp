#include "bitbucket/event.h"

#include <algorithm>
#include <utility>

#include "text/ascii.h"

namespace receiver::bitbucket {
namespace {

constexpr std::size_t kMaxUrlBytes = 4096;

void drop_final_slashes(std::string_view& url) {
  while (url.ends_with('/')) url.remove_suffix(1);
}

}  // namespace

std::string_view source_name(Source source) {
  return source == Source::kCloud ? "cloud" : "data_center";
}

std::optional<EventKind> event_kind(std::string_view key) {
  const auto* const event = std::ranges::find(kEvents, key, &Event::key);
  if (event == kEvents.end()) return std::nullopt;
  return event->kind;
}

std::string pull_request_identity(std::string_view url) {
  if (url.size() > kMaxUrlBytes) return {};
  drop_final_slashes(url);
  for (const std::string_view tab : {"/overview", "/diff", "/commits"}) {
    if (!url.ends_with(tab)) continue;
    url.remove_suffix(tab.size());
    break;
  }
  drop_final_slashes(url);

  const std::size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return std::string(url);
  const std::size_t host_end = std::min(url.find('/', scheme_end + 3), url.size());
  return text::ascii_lower(url.substr(0, host_end)).append(url.substr(host_end));
}

}  // namespace receiver::bitbucket
