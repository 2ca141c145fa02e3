#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace receiver::git {

enum class PathMatch : std::uint8_t {
  kNo,
  kYes,
  /// Not told within the bounds. Whoever must not miss a change takes it for a match of what
  /// includes, and for none of what excludes.
  kUnknown,
};

/// A glob has at most so many groups `{…}`, nested ones included.
inline constexpr std::size_t kMaxGlobGroups = 64;
/// The most work for one path, in characters of the glob that are compared or rewritten: below a
/// millisecond. Globs that people write take a few hundred.
inline constexpr std::size_t kMaxGlobSteps = 100'000;

/// A glob in the grammar of the Go library that Kargo uses (doublestar 4.10). It matches whole
/// paths, in their own letter case:
///
///   *       any characters but `/`
///   **      any folders, none included, if it is a whole part of the path; else the same as `*`
///   ?       one character but `/`
///   [a-z]   one character of these; `[^a-z]` and `[!a-z]` one of the others
///   {a,b}   one of the alternatives, which are globs themselves
///   \c      the character itself
///
/// Where that library deviates from this, so does this class: both say the same of every path,
/// unless this one says kUnknown.
class Glob {
 public:
  /// The error says what is wrong and how to put it right; a glob is looked at as a whole, so that
  /// no path is needed to notice.
  [[nodiscard]] static tl::expected<Glob, std::string> parse(std::string_view text);

  [[nodiscard]] PathMatch matches(std::string_view path) const;

 private:
  explicit Glob(std::string_view text) : text_(text) {}

  std::string text_;
};

}  // namespace receiver::git
