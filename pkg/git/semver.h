#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Semantic versions and constraints, in the grammar of the Go library that Kargo uses
/// (Masterminds, v3).
namespace receiver::git {

/// Longer texts are neither versions nor constraints.
inline constexpr std::size_t kMaxVersionBytes = 256;
inline constexpr std::size_t kMaxConstraintBytes = 512;
inline constexpr std::size_t kMaxConstraintAlternatives = 32;

struct Version {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  std::uint64_t patch = 0;
  /// Without its hyphen: "rc.1". Empty for a release.
  std::string prerelease;
  /// Without its plus sign. Has no effect on the order.
  std::string metadata;

  /// Compares precedence: metadata is ignored.
  friend std::strong_ordering operator<=>(const Version& left, const Version& right);
  friend bool operator==(const Version& left, const Version& right) {
    return (left <=> right) == std::strong_ordering::equal;
  }
};

/// Also accepts `1`, `v1.2` and `01.2.3-rc.1+build`: missing parts are zero, a `v` and leading
/// zeros are allowed.
[[nodiscard]] std::optional<Version> parse_version(std::string_view text);
/// Accepts exactly `MAJOR.MINOR.PATCH[-PRERELEASE][+METADATA]` as in semver.org; no `v`.
[[nodiscard]] std::optional<Version> parse_strict_version(std::string_view text);

/// A set of versions: `>=1.2 <2 || ^3.1.0-0`, `1.2 - 2.3`, `~1.x`, `!=2.0.1`, `*`.
class Constraint {
 public:
  /// Nothing if the text is not a constraint. The empty text is not one.
  [[nodiscard]] static std::optional<Constraint> parse(std::string_view text);

  /// A prerelease meets only an alternative that contains a prerelease.
  [[nodiscard]] bool met_by(const Version& version) const;

 private:
  enum class Operator : std::uint8_t {
    kEqual,
    kNotEqual,
    kGreater,
    kLess,
    kGreaterOrEqual,
    kLessOrEqual,
    kTilde,
    kCaret,
  };
  /// The first part of the operand that is a wildcard or missing: `1.x` leaves the minor version
  /// open.
  enum class Open : std::uint8_t { kNothing, kMajor, kMinor, kPatch };
  struct Comparison {
    Operator operation = Operator::kEqual;
    Open open = Open::kNothing;
    Version operand;

    [[nodiscard]] bool met_by(const Version& version) const;
  };
  using Conjunction = std::vector<Comparison>;

  [[nodiscard]] static std::optional<Conjunction> parse_conjunction(std::string_view text);
  [[nodiscard]] static std::optional<Comparison> take_comparison(std::string_view& text);

  std::vector<Conjunction> alternatives_;
};

}  // namespace receiver::git
