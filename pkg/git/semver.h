#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Semantic versions and constraints on them, in the grammar of the Go library that Kargo uses
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
  /// Without its plus sign. Says nothing about order.
  std::string metadata;

  /// Precedence: metadata does not count.
  friend std::strong_ordering operator<=>(const Version& left, const Version& right);
  friend bool operator==(const Version& left, const Version& right) {
    return (left <=> right) == std::strong_ordering::equal;
  }
};

/// `1`, `v1.2` and `01.2.3-rc.1+build` are versions too: missing parts are zero, a `v` and leading
/// zeros are fine.
[[nodiscard]] std::optional<Version> parse_version(std::string_view text);
/// Exactly `MAJOR.MINOR.PATCH[-PRERELEASE][+METADATA]` as semver.org has it; no `v`.
[[nodiscard]] std::optional<Version> parse_strict_version(std::string_view text);

/// Which versions are wanted: `>=1.2 <2 || ^3.1.0-0`, `1.2 - 2.3`, `~1.x`, `!=2.0.1`, `*`.
class Constraint {
 public:
  /// Nothing if the text is no constraint; the empty text is none.
  [[nodiscard]] static std::optional<Constraint> parse(std::string_view text);

  /// A prerelease meets only an alternative that names a prerelease somewhere.
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
