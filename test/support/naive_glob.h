#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A simple implementation of globs, to compare the product with: neither fast nor bounded, and
/// only for undisputed cases.
namespace receiver::test {

/// A glob without groups, as a table of whether the rest of the glob matches the rest of the path,
/// filled from the end. Characters are bytes.
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
    // Folders may be empty: `a/**` and `a/**/` match `a`.
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
inline std::optional<std::vector<std::string>> without_groups(const std::string& glob) {
  constexpr std::size_t kMostGlobs = 50;
  std::vector<std::string> done;
  std::vector<std::string> todo{glob};
  while (!todo.empty()) {
    if (todo.size() + done.size() > kMostGlobs) return std::nullopt;
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

}  // namespace receiver::test
