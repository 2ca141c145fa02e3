// Which paths a pattern matches. The input is a pattern and a path, a line each.

#include "git/path_pattern.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "git/path_filter.h"
#include "test/fuzz/fuzz.h"

namespace receiver::fuzz {
namespace {

using git::PathMatch;
using git::PathPattern;

/// What the naive matcher takes on.
constexpr std::size_t kMostNaiveBytes = 40;
constexpr std::size_t kMostNaiveGlobs = 50;

/// A glob without groups, as everybody would write it down: a table of whether the rest of the glob
/// matches the rest of the path, filled from the end. Characters are bytes.
class NaiveGlob {
 public:
  NaiveGlob(std::string_view glob, std::string_view path) : glob_(glob), path_(path) {}

  bool matches() {
    known_.assign((glob_.size() + 1) * (path_.size() + 1), std::nullopt);
    return rest_matches(0, 0);
  }

 private:
  bool rest_matches(std::size_t glob, std::size_t path) {
    auto& known = known_[glob * (path_.size() + 1) + path];
    if (!known) known = find_out(glob, path);
    return *known;
  }

  bool find_out(std::size_t glob, std::size_t path) {
    const std::string_view rest = glob_.substr(glob);
    // Folders may be none at all: `a/**` and `a/**/` match `a`.
    constexpr std::array<std::string_view, 6> kNothing{"", "*", "**", "/**", "**/", "/**/"};
    if (path == path_.size()) return std::ranges::find(kNothing, rest) != kNothing.end();
    if (rest.empty()) return false;
    const bool part_begins = glob == 0 || glob_[glob - 1] == '/';
    if (part_begins && rest == "**") return true;
    if (part_begins && rest.starts_with("**/")) {
      if (rest_matches(glob + 3, path)) return true;
      for (std::size_t at = path; at < path_.size(); ++at) {
        if (path_[at] == '/' && rest_matches(glob + 3, at + 1)) return true;
      }
      return false;
    }
    if (rest.front() == '*') {
      for (std::size_t at = path;; ++at) {
        if (rest_matches(glob + 1, at)) return true;
        if (at == path_.size() || path_[at] == '/') return false;
      }
    }
    if (rest.front() == '?') return path_[path] != '/' && rest_matches(glob + 1, path + 1);
    if (rest.front() == '[') {
      const std::size_t end = rest.find(']');
      return is_listed(rest.substr(1, end - 1), path_[path]) &&
             rest_matches(glob + end + 1, path + 1);
    }
    const std::size_t escape = rest.front() == '\\' ? 1 : 0;
    return rest[escape] == path_[path] && rest_matches(glob + escape + 1, path + 1);
  }

  static bool is_listed(std::string_view members, char character) {
    const bool negated = members.front() == '^' || members.front() == '!';
    if (negated) members.remove_prefix(1);
    return (members.find(character) != std::string_view::npos) != negated;
  }

  std::string_view glob_;
  std::string_view path_;
  std::vector<std::optional<bool>> known_;
};

/// The globs that a glob with groups stands for; nothing if there are too many.
std::optional<std::vector<std::string>> without_groups(const std::string& glob) {
  std::vector<std::string> done;
  std::vector<std::string> todo{glob};
  while (!todo.empty()) {
    if (todo.size() + done.size() > kMostNaiveGlobs) return std::nullopt;
    const std::string next = std::move(todo.back());
    todo.pop_back();
    // The innermost group: no other begins after it.
    const std::size_t open = next.rfind('{');
    if (open == std::string::npos) {
      done.push_back(next);
      continue;
    }
    const std::size_t close = next.find('}', open);
    for (std::size_t at = open; at != close;) {
      const std::size_t end = std::min(next.find(',', at + 1), close);
      todo.push_back(next.substr(0, open) + next.substr(at + 1, end - at - 1) +
                     next.substr(close + 1));
      at = end;
    }
  }
  return done;
}

bool holds_any(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::ranges::any_of(
      parts, [&](std::string_view part) { return text.find(part) != std::string_view::npos; });
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
}

/// Whether a valid glob means what everybody would say. Where it does not, it is decided as
/// doublestar does, which the unit tests record: stars beside a group, three of them, a class that
/// may take a slash beside stars, a part of a class in a group. Escaped braces, ranges, and
/// characters beyond ASCII are left out to keep the naive matcher naive.
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

/// `a/**/` matches `a` and `a/`, and of what is below only what ends in a slash.
bool ends_oddly(std::string_view glob) {
  return glob.ends_with("**/");
}

void check_glob(std::string_view glob, std::string_view path, PathMatch match) {
  if (std::max(glob.size(), path.size()) > kMostNaiveBytes) return;
  if (!is_ascii(glob) || !is_ascii(path) || !is_naive(glob)) return;
  const auto globs = without_groups(std::string(glob));
  if (!globs || std::ranges::any_of(*globs, ends_oddly)) return;
  const bool expected = std::ranges::any_of(
      *globs, [&](const std::string& each) { return NaiveGlob(each, path).matches(); });
  require(match == (expected ? PathMatch::kYes : PathMatch::kNo),
          "a glob matches what a naive matcher says");
}

/// Of paths without dots, the standard library's idea of what is below a folder is Kargo's.
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

/// What holds of every path.
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

/// A filter overlooks nothing that the pattern alone would tell.
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
