#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "git/path_pattern.h"
#include "git/path_rules.h"

namespace receiver::git {

/// Which changed files count for a subscription: those that one of `includePaths` matches (all, if
/// there are none) and none of `excludePaths` matches. A file that counts needlessly costs a
/// refresh; an overlooked one costs a release. In doubt, a file counts.
class PathFilter {
 public:
  explicit PathFilter(const PathRules& rules);

  /// Whether a changed file counts, or may count. The path is as Bitbucket sends it: relative to
  /// the repository's root, with slashes, not quoted. In doubt is every path if a pattern is
  /// invalid; a path that is longer than kMaxPathBytes, empty, or contains U+FFFD or invalid UTF-8,
  /// because Git has another one then; and a path that a pattern cannot decide. Kargo sees unusual
  /// names as Git quotes them (`"caf\303\251"`, quotes included): such a file counts if either
  /// spelling counts. May be called by several threads at once.
  [[nodiscard]] bool may_count(std::string_view path) const;

  /// The errors in the patterns, one per line, for people: `includePaths[0]: …`. If there is any,
  /// every file counts.
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  void parse(const std::vector<std::string>& texts, std::string_view name,
             std::vector<PathPattern>& patterns);
  [[nodiscard]] bool counts(std::string_view path) const;

  std::vector<PathPattern> include_;
  std::vector<PathPattern> exclude_;
  std::vector<std::string> problems_;
};

/// A path as `git log` writes it by default: in quotes and with escapes if it contains bytes beyond
/// ASCII, control characters, quotes or backslashes; else unchanged.
[[nodiscard]] std::string quoted_path(std::string_view path);

}  // namespace receiver::git
