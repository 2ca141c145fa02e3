#include "kube/reflector_request.h"

#include <fmt/format.h>

#include "text/percent.h"

namespace receiver::kube::reflecting {
namespace {

std::string with_selectors(std::string target, const ReflectorOptions& options) {
  if (!options.label_selector.empty()) {
    target += "&labelSelector=" + text::percent_encode(options.label_selector);
  }
  if (!options.field_selector.empty()) {
    target += "&fieldSelector=" + text::percent_encode(options.field_selector);
  }
  return target;
}

}  // namespace

std::string list_target(const ReflectorOptions& options, const ReadPage& page) {
  std::string target = fmt::format("{}?limit={}", options.resource.path(options.ns), kPageSize);
  if (!page.continue_token.empty()) {
    // The token contains the version that it continues; a version besides it is rejected.
    target += "&continue=" + text::percent_encode(page.continue_token);
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
                  options.resource.path(options.ns), seconds, text::percent_encode(watch.version)),
      options);
}

}  // namespace receiver::kube::reflecting
