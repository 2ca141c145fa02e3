#include "git/path_pattern.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace receiver::git {
namespace {

std::optional<std::string_view> after_prefix(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  return text.substr(prefix.size());
}

/// Cleans a path as Go's `filepath.Clean` does: removes empty parts and dots, and resolves `..`
/// where possible. An empty path becomes ".".
std::string without_detours(std::string_view path) {
  const bool rooted = path.starts_with('/');
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(part.size() + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (!rooted) {
      parts.push_back(part);
    }
  }
  std::string clean(rooted ? "/" : "");
  for (const std::string_view part : parts) {
    if (part.data() != parts.front().data()) clean += '/';
    clean += part;
  }
  return clean.empty() ? "." : clean;
}

PathMatch to_match(bool matches) {
  return matches ? PathMatch::kYes : PathMatch::kNo;
}

PathMatch to_match(PathMatch match) {
  return match;
}

}  // namespace

PathPattern::Folder::Folder(std::string_view path) : path_(without_detours(path)) {}

bool PathPattern::Folder::matches(std::string_view path) const {
  const std::string clean = without_detours(path);
  if (clean == path_) return true;
  std::string_view below = clean;
  if (path_ == ".") {
    if (below.starts_with('/')) return false;
  } else {
    const auto rest = after_prefix(below, path_);
    if (!rest || (path_ != "/" && !rest->starts_with('/'))) return false;
    below = *rest;
  }
  return below.find("..") == std::string_view::npos;
}

PathPattern::PathPattern(Rule rule) : rule_(std::move(rule)) {}

tl::expected<PathPattern, std::string> PathPattern::parse(std::string_view text) {
  if (text.size() > kMaxPathPatternBytes) {
    return tl::unexpected(fmt::format("the pattern is longer than {} bytes: write several instead",
                                      kMaxPathPatternBytes));
  }
  if (const auto rest = after_prefix(text, "glob:")) {
    auto glob = Glob::parse(*rest);
    if (!glob) return tl::unexpected(fmt::format("invalid glob: {}", glob.error()));
    return PathPattern(*std::move(glob));
  }
  for (const std::string_view prefix : {"regex:", "regexp:"}) {
    const auto rest = after_prefix(text, prefix);
    if (!rest) continue;
    auto regex = Regex::parse(*rest);
    if (!regex) {
      return tl::unexpected(fmt::format(
          "invalid regular expression: {}: write it in the syntax of RE2", regex.error()));
    }
    return PathPattern(*std::move(regex));
  }
  return PathPattern(Folder(text));
}

PathMatch PathPattern::matches(std::string_view path) const {
  if (path.size() > kMaxPathBytes) return PathMatch::kUnknown;
  return std::visit([&](const auto& rule) { return to_match(rule.matches(path)); }, rule_);
}

}  // namespace receiver::git
