#include "bitbucket/event.h"

#include <algorithm>
#include <array>
#include <utility>

namespace receiver::bitbucket {
namespace {

constexpr std::size_t kMaxUrlBytes = 4096;

struct NamedKind {
  std::string_view key;
  EventKind kind;
};

constexpr std::array kEvents{
    NamedKind{"repo:push", {Source::kCloud, Action::kRefreshWarehouses}},
    NamedKind{"repo:refs_changed", {Source::kDataCenter, Action::kRefreshWarehouses}},
    NamedKind{"pullrequest:fulfilled", {Source::kCloud, Action::kRefreshPromotions}},
    NamedKind{"pullrequest:rejected", {Source::kCloud, Action::kRefreshPromotions}},
    NamedKind{"pr:merged", {Source::kDataCenter, Action::kRefreshPromotions}},
    NamedKind{"pr:declined", {Source::kDataCenter, Action::kRefreshPromotions}},
    NamedKind{"pr:deleted", {Source::kDataCenter, Action::kRefreshPromotions}},
};

void drop_final_slashes(std::string_view& url) {
  while (url.ends_with('/')) url.remove_suffix(1);
}

}  // namespace

std::optional<EventKind> event_kind(std::string_view key) {
  const auto* const event = std::ranges::find(kEvents, key, &NamedKind::key);
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

  std::string key(url);
  const std::size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return key;
  const std::size_t host_end = std::min(url.find('/', scheme_end + 3), url.size());
  std::ranges::transform(url.substr(0, host_end), key.begin(), [](char character) {
    return character >= 'A' && character <= 'Z' ? static_cast<char>(character - 'A' + 'a')
                                                : character;
  });
  return key;
}

}  // namespace receiver::bitbucket
