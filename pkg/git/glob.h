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
  /// Undecided within the step limit. A caller that must not miss a change treats it as a match of
  /// an include pattern, and as no match of an exclude pattern.
  kUnknown,
};

/// Maximum number of groups `{…}` in a glob, including nested ones.
inline constexpr std::size_t kMaxGlobGroups = 64;
/// Maximum work for one path, in characters of the glob that are compared or rewritten: less than a
/// millisecond. Normal globs take a few hundred.
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
  /// The error says what is wrong and how to correct it. The whole glob is checked, so the error
  /// does not depend on a path.
  [[nodiscard]] static tl::expected<Glob, std::string> parse(std::string_view text);

  [[nodiscard]] PathMatch matches(std::string_view path) const;

 private:
  explicit Glob(std::string_view text) : text_(text) {}

  std::string text_;
};

}  // namespace receiver::git
