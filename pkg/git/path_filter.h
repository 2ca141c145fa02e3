#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "git/path_pattern.h"
#include "git/path_rules.h"

namespace receiver::git {

/// Which changed files count for a subscription: those that one of `includePaths` matches (if there
/// are none: all), and none of `excludePaths`. A file that counts in vain costs a refresh, and one
/// that is overlooked costs a release: whatever is in doubt counts.
class PathFilter {
 public:
  explicit PathFilter(const PathRules& rules);

  /// Whether a changed file counts, or may do so. A path as Bitbucket tells it: relative to the
  /// repository's root, with slashes, not quoted. In doubt is every path if a pattern is invalid;
  /// one that is longer than kMaxPathBytes, empty, or holds U+FFFD or bytes that are no UTF-8,
  /// since then Git has another; and what a pattern cannot tell. Kargo sees unusual names as Git
  /// quotes them (`"caf\303\251"`, quotes included): such a file counts if it does by either
  /// spelling. May be called by several threads at once.
  [[nodiscard]] bool may_count(std::string_view path) const;

  /// What is wrong with the patterns, a line each, for people: `includePaths[0]: …`. If anything
  /// is, every file counts.
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  void parse(const std::vector<std::string>& texts, std::string_view name,
             std::vector<PathPattern>& patterns);
  [[nodiscard]] bool counts(std::string_view path) const;

  std::vector<PathPattern> include_;
  std::vector<PathPattern> exclude_;
  std::vector<std::string> problems_;
};

/// A path as `git log` writes it, without configuration: in quotes and with escapes if it holds
/// bytes beyond ASCII, control characters, quotes or backslashes; else as it is.
[[nodiscard]] std::string quoted_path(std::string_view path);

}  // namespace receiver::git
