#include "kube/reflector_request.h"

#include <fmt/format.h>

namespace receiver::kube::reflecting {
namespace {

std::string with_selectors(std::string target, const ReflectorOptions& options) {
  if (!options.label_selector.empty()) {
    target += "&labelSelector=" + percent_encode(options.label_selector);
  }
  if (!options.field_selector.empty()) {
    target += "&fieldSelector=" + percent_encode(options.field_selector);
  }
  return target;
}

}  // namespace

std::string list_target(const ReflectorOptions& options, const ReadPage& page) {
  std::string target = fmt::format("{}?limit={}", options.resource.path(options.ns), kPageSize);
  if (!page.continue_token.empty()) {
    // The token says which moment it continues; a version beside it is refused.
    target += "&continue=" + percent_encode(page.continue_token);
  } else if (page.from_cache) {
    target += "&resourceVersion=0";
  }
  return with_selectors(std::move(target), options);
}

std::string watch_target(const ReflectorOptions& options, const OpenWatch& watch, double random) {
  const auto spread = static_cast<double>((kLongestWatch - kShortestWatch).count());
  const auto seconds = kShortestWatch.count() + static_cast<long>(spread * random);
  return with_selectors(
      fmt::format("{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={}",
                  options.resource.path(options.ns), seconds, percent_encode(watch.version)),
      options);
}

std::string percent_encode(std::string_view text) {
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      encoded.push_back(c);
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

}  // namespace receiver::kube::reflecting
