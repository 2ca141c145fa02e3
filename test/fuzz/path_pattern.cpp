// Which paths a pattern matches. The input is a pattern and a path, one per line.

#include "git/path_pattern.h"

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "git/path_filter.h"
#include "test/fuzz/fuzz.h"
#include "test/support/naive_glob.h"

namespace receiver::fuzz {
namespace {

using git::PathMatch;
using git::PathPattern;

/// Limit of the naive matcher.
constexpr std::size_t kMostNaiveBytes = 40;

bool holds_any(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::ranges::any_of(
      parts, [&](std::string_view part) { return text.find(part) != std::string_view::npos; });
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
}

/// Whether the naive matcher can judge a valid glob. In other cases doublestar decides, as recorded
/// in unit tests: stars beside a group, three stars, a class that may match a slash beside stars, a
/// part of a class in a group. Escaped braces, ranges, and characters beyond ASCII are excluded to
/// keep the naive matcher simple.
bool is_naive(std::string_view glob) {
  if (holds_any(glob, {"{*", ",*", "}*", "*{", "**/{", "***", "\\{", "\\}", "\\,"})) return false;
  for (std::size_t at = 0; at < glob.size(); ++at) {
    if (glob[at] == '\\') {
      ++at;
      continue;
    }
    if (glob[at] != '[') continue;
    const std::size_t end = glob.find(']', at);
    const std::string_view members = glob.substr(at + 1, end - at - 1);
    if (holds_any(members, {"-", "/", "\\", "{", "}", ","})) return false;
    const bool negated = members.front() == '^' || members.front() == '!';
    if (negated && holds_any(glob, {"*"})) return false;
    at = end;
  }
  return true;
}

/// `a/**/` matches `a` and `a/`, and below them only paths that end in a slash.
bool ends_oddly(std::string_view glob) {
  return glob.ends_with("**/");
}

void check_glob(std::string_view glob, std::string_view path, PathMatch match) {
  if (std::max(glob.size(), path.size()) > kMostNaiveBytes) return;
  if (!is_ascii(glob) || !is_ascii(path) || !is_naive(glob)) return;
  const auto globs = test::without_groups(std::string(glob));
  if (!globs || std::ranges::any_of(*globs, ends_oddly)) return;
  const bool expected = std::ranges::any_of(
      *globs, [&](const std::string& each) { return test::NaiveGlob(each, path).matches(); });
  require(match == (expected ? PathMatch::kYes : PathMatch::kNo),
          "a glob matches what a naive matcher says");
}

/// For paths without dots, the standard library and Kargo agree on what is below a folder.
void check_folder(std::string_view folder, std::string_view path, PathMatch match) {
  if (holds_any(folder, {"..", std::string_view("\0", 1)}) || holds_any(path, {".."})) return;
  const auto normal = [](std::string_view text) {
    auto result = std::filesystem::path(text).lexically_normal();
    if (!result.has_filename() && result.has_relative_path()) result = result.parent_path();
    return result.empty() ? std::filesystem::path(".") : result;
  };
  const auto relative = normal(path).lexically_relative(normal(folder));
  const bool below = !relative.empty() && *relative.begin() != "..";
  require(match == (below ? PathMatch::kYes : PathMatch::kNo),
          "a folder holds what the standard library says");
}

/// Properties of every path.
void check_path(const std::string& path) {
  const auto match = [&](const std::string& pattern) {
    const auto parsed = PathPattern::parse(pattern);
    require(parsed.has_value(), "a path is a pattern once it is escaped");
    return parsed->matches(path);
  };
  if (path.size() > git::kMaxPathBytes / 2) return;
  std::string escaped;
  for (const char character : path) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x80) escaped += '\\';
    escaped += character;
  }
  require(match("glob:" + escaped) == PathMatch::kYes, "a path matches itself");
  require(match("glob:**") == PathMatch::kYes, "two stars match every path");
  if (path.find(':') == std::string::npos) {
    require(match(path) == PathMatch::kYes, "a path is below itself");
  }
}

/// A filter must count every file that the pattern alone matches.
void check_filter(std::string_view text, const std::string& path, PathMatch match) {
  const git::PathFilter including(git::PathRules({std::string(text)}, {}));
  const git::PathFilter excluding(git::PathRules({}, {std::string(text)}));
  require(match == PathMatch::kNo || including.may_count(path), "what may match is included");
  require(match == PathMatch::kYes || excluding.may_count(path),
          "what may not match is not excluded");
  const std::string quoted = git::quoted_path(path);
  require(std::ranges::all_of(quoted, [](char c) { return c >= ' ' && c < '\x7f'; }),
          "a quoted path is printable");
}

}  // namespace

void fuzz(std::string_view input) {
  const std::string_view text = input.substr(0, input.find('\n'));
  const std::string path(input.substr(std::min(text.size() + 1, input.size())));
  check_path(path);
  const auto pattern = PathPattern::parse(text);
  if (!pattern) {
    require(!pattern.error().empty(), "an error says something");
    return;
  }
  const PathMatch match = pattern->matches(path);
  require(match == PathPattern(*pattern).matches(path), "a copy says the same");
  check_filter(text, path, match);
  if (text.starts_with("glob:")) {
    check_glob(text.substr(5), path, match);
  } else if (!text.starts_with("regex:") && !text.starts_with("regexp:")) {
    if (path.size() <= git::kMaxPathBytes) check_folder(text, path, match);
  }
}

}  // namespace receiver::fuzz
