#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include <tl/expected.hpp>

#include "git/glob.h"
#include "git/regex.h"

namespace receiver::git {

/// Longer patterns are errors.
inline constexpr std::size_t kMaxPathPatternBytes = 4096;
/// Longer paths are undecided.
inline constexpr std::size_t kMaxPathBytes = 4096;

/// One entry of a subscription's `includePaths` or `excludePaths`, decided as Kargo does:
///
///   glob:apps/**/*.go       a glob, of whole paths
///   regex:^apps/            a regular expression, anywhere in the path; `regexp:` as well
///   apps/web                a folder with all below it, or a file; the empty one is the whole
///                           repository
///
/// Of paths with `..` in their names (`docs/v1..2.md`) Kargo takes none to be below a folder, if
/// the dots are below it too.
class PathPattern {
 public:
  /// The error says what is wrong and how to correct it, without the whole pattern.
  [[nodiscard]] static tl::expected<PathPattern, std::string> parse(std::string_view text);

  /// The path as Git has it: relative to the repository's root, with slashes. May be called by
  /// several threads at once.
  [[nodiscard]] PathMatch matches(std::string_view path) const;

 private:
  class Folder {
   public:
    explicit Folder(std::string_view path);

    [[nodiscard]] bool matches(std::string_view path) const;

   private:
    std::string path_;
  };
  using Rule = std::variant<Folder, Glob, Regex>;

  explicit PathPattern(Rule rule);

  Rule rule_;
};

}  // namespace receiver::git
