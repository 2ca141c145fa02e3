#include "git/semver.h"

#include <algorithm>
#include <array>
#include <utility>

#include "text/ascii.h"

namespace receiver::git {
namespace {

bool is_space(char character) {
  return character == ' ' || (character >= '\t' && character <= '\r' && character != '\v');
}

/// Characters of an identifier in a prerelease or metadata.
bool is_identifier(char character) {
  return text::is_alphanumeric(character) || character == '-';
}

/// Characters that the library's grammar accepts as a number in a constraint. They include a single
/// `|`, on which the library fails later.
bool is_number_or_wildcard(char character) {
  return text::is_digit(character) || character == 'x' || character == 'X' || character == '*' ||
         character == '|';
}

bool is_wildcard(std::string_view number) {
  return number.empty() || number == "x" || number == "X" || number == "*";
}

/// Cuts off the longest prefix of such characters. Empty if there is none.
template <class Predicate>
std::string_view take_while(std::string_view& text, Predicate predicate) {
  const auto end = std::ranges::find_if_not(text, predicate);
  const std::string_view taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(taken.size());
  return taken;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// Cuts off `.`-separated, non-empty parts of such characters after `mark`, or nothing.
template <class Predicate>
std::string_view take_parts(std::string_view& text, char mark, Predicate predicate) {
  if (!text.starts_with(mark)) return {};
  std::string_view rest = text.substr(1);
  std::string_view parts = take_while(rest, predicate);
  if (parts.empty()) return {};
  const char* const begin = parts.data();
  while (rest.starts_with('.')) {
    std::string_view next = rest.substr(1);
    const std::string_view part = take_while(next, predicate);
    if (part.empty()) break;
    rest = next;
    parts = std::string_view(begin, static_cast<std::size_t>(rest.data() - begin));
  }
  text = rest;
  return parts;
}

std::string_view take_identifier(std::string_view& identifiers) {
  const std::string_view identifier = identifiers.substr(0, identifiers.find('.'));
  identifiers.remove_prefix(std::min(identifier.size() + 1, identifiers.size()));
  return identifier;
}

/// A numeric identifier must not have a leading zero.
bool is_valid_prerelease(std::string_view prerelease) {
  while (!prerelease.empty()) {
    const std::string_view identifier = take_identifier(prerelease);
    if (identifier.size() > 1 && identifier.front() == '0' &&
        std::ranges::all_of(identifier, text::is_digit)) {
      return false;
    }
  }
  return true;
}

std::strong_ordering compare_identifiers(std::string_view left, std::string_view right) {
  const auto left_number = text::parse_number<std::uint64_t>(left);
  const auto right_number = text::parse_number<std::uint64_t>(right);
  if (left_number && right_number) return *left_number <=> *right_number;
  if (left_number) return std::strong_ordering::less;
  if (right_number) return std::strong_ordering::greater;
  return left <=> right;
}

std::strong_ordering compare_prereleases(std::string_view left, std::string_view right) {
  // A version without a prerelease comes after all its prereleases.
  if (left.empty() || right.empty()) return left.empty() <=> right.empty();
  while (!left.empty() && !right.empty()) {
    const auto order = compare_identifiers(take_identifier(left), take_identifier(right));
    if (order != std::strong_ordering::equal) return order;
  }
  return right.empty() <=> left.empty();
}

/// A version as text, before its parts are interpreted.
struct WrittenVersion {
  std::string_view major;
  std::string_view minor;
  std::string_view patch;
  std::string_view prerelease;
  std::string_view metadata;
};

/// Cuts off the longest prefix in the form of a version, with such characters for its numbers.
template <class Predicate>
std::optional<WrittenVersion> take_written(std::string_view& text, Predicate is_number) {
  std::string_view rest = text;
  WrittenVersion written;
  take(rest, "v");
  written.major = take_while(rest, is_number);
  if (written.major.empty()) return std::nullopt;
  for (std::string_view* part : {&written.minor, &written.patch}) {
    std::string_view next = rest;
    if (!take(next, ".")) break;
    *part = take_while(next, is_number);
    if (part->empty()) break;
    rest = next;
  }
  written.prerelease = take_parts(rest, '-', is_identifier);
  written.metadata = take_parts(rest, '+', is_identifier);
  text = rest;
  return written;
}

std::optional<Version> to_version(const WrittenVersion& written) {
  const auto number = [](std::string_view digits) {
    return digits.empty() ? std::optional<std::uint64_t>(0)
                          : text::parse_number<std::uint64_t>(digits);
  };
  const auto major = number(written.major);
  const auto minor = number(written.minor);
  const auto patch = number(written.patch);
  if (!major || !minor || !patch || !is_valid_prerelease(written.prerelease)) return std::nullopt;
  return Version{*major, *minor, *patch, std::string(written.prerelease),
                 std::string(written.metadata)};
}

/// Rewrites `1.2 - 2.3` to `>= 1.2, <= 2.3`. It works on the text, because the library does: the
/// text on both sides then decides whether the whole is a constraint.
std::string rewrite_ranges(std::string_view text) {
  std::string rewritten;
  while (!text.empty()) {
    std::string_view rest = text;
    take_while(rest, is_space);
    const std::string_view low_on = rest;
    const bool has_low = take_written(rest, is_number_or_wildcard).has_value();
    const std::string_view low = low_on.substr(0, low_on.size() - rest.size());
    if (has_low && !take_while(rest, is_space).empty() && take(rest, "-") &&
        !take_while(rest, is_space).empty()) {
      const std::string_view high_on = rest;
      if (take_written(rest, is_number_or_wildcard)) {
        const std::string_view high = high_on.substr(0, high_on.size() - rest.size());
        take_while(rest, is_space);
        rewritten.append(">= ").append(low).append(", <= ").append(high).append(" ");
        text = rest;
        continue;
      }
    }
    rewritten += text.front();
    text.remove_prefix(1);
  }
  return rewritten;
}

}  // namespace

std::strong_ordering operator<=>(const Version& left, const Version& right) {
  if (const auto order = left.major <=> right.major; std::is_neq(order)) return order;
  if (const auto order = left.minor <=> right.minor; std::is_neq(order)) return order;
  if (const auto order = left.patch <=> right.patch; std::is_neq(order)) return order;
  return compare_prereleases(left.prerelease, right.prerelease);
}

std::optional<Version> parse_version(std::string_view text) {
  if (text.size() > kMaxVersionBytes) return std::nullopt;
  const auto written = take_written(text, text::is_digit);
  if (!written || !text.empty()) return std::nullopt;
  return to_version(*written);
}

std::optional<Version> parse_strict_version(std::string_view text) {
  if (text.size() > kMaxVersionBytes || text.starts_with('v')) return std::nullopt;
  const auto written = take_written(text, text::is_digit);
  if (!written || !text.empty()) return std::nullopt;
  for (const std::string_view number : {written->major, written->minor, written->patch}) {
    if (number.empty() || (number.size() > 1 && number.front() == '0')) return std::nullopt;
  }
  return to_version(*written);
}

std::optional<Constraint> Constraint::parse(std::string_view text) {
  if (text.size() > kMaxConstraintBytes) return std::nullopt;
  const std::string rewritten = rewrite_ranges(text);
  std::string_view rest = rewritten;
  Constraint constraint;
  while (true) {
    const std::size_t separator = rest.find("||");
    auto conjunction = parse_conjunction(rest.substr(0, separator));
    if (!conjunction) return std::nullopt;
    constraint.alternatives_.push_back(*std::move(conjunction));
    if (separator == std::string_view::npos) return constraint;
    if (constraint.alternatives_.size() == kMaxConstraintAlternatives) return std::nullopt;
    rest.remove_prefix(separator + 2);
  }
}

std::optional<Constraint::Conjunction> Constraint::parse_conjunction(std::string_view text) {
  Conjunction conjunction;
  take_while(text, is_space);
  while (true) {
    auto comparison = take_comparison(text);
    if (!comparison) return std::nullopt;
    conjunction.push_back(*std::move(comparison));
    const bool spaced = !take_while(text, is_space).empty();
    const bool comma = take(text, ",");
    if (text.empty() && !comma) return conjunction;
    if (!spaced && !comma) return std::nullopt;
    take_while(text, is_space);
  }
}

std::optional<Constraint::Comparison> Constraint::take_comparison(std::string_view& text) {
  // Longer operators before those that they begin with.
  constexpr std::array<std::pair<std::string_view, Operator>, 11> kOperators{{
      {"!=", Operator::kNotEqual},
      {">=", Operator::kGreaterOrEqual},
      {"=>", Operator::kGreaterOrEqual},
      {"<=", Operator::kLessOrEqual},
      {"=<", Operator::kLessOrEqual},
      {"~>", Operator::kTilde},
      {"=", Operator::kEqual},
      {">", Operator::kGreater},
      {"<", Operator::kLess},
      {"~", Operator::kTilde},
      {"^", Operator::kCaret},
  }};
  Comparison comparison;
  for (const auto& [sign, operation] : kOperators) {
    if (!take(text, sign)) continue;
    comparison.operation = operation;
    break;
  }
  take_while(text, is_space);
  auto written = take_written(text, is_number_or_wildcard);
  if (!written) return std::nullopt;

  // After an open part, everything except the prerelease is ignored.
  if (is_wildcard(written->major)) {
    comparison.open = Open::kMajor;
    written->major = written->minor = written->patch = {};
  } else if (is_wildcard(written->minor)) {
    comparison.open = Open::kMinor;
    written->minor = written->patch = {};
  } else if (is_wildcard(written->patch)) {
    comparison.open = Open::kPatch;
    written->patch = {};
  }
  auto operand = to_version(*written);
  if (!operand) return std::nullopt;
  comparison.operand = *std::move(operand);
  return comparison;
}

bool Constraint::met_by(const Version& version) const {
  return std::ranges::any_of(alternatives_, [&](const Conjunction& conjunction) {
    const bool wants_prereleases = std::ranges::any_of(
        conjunction, [](const Comparison& one) { return !one.operand.prerelease.empty(); });
    if (!version.prerelease.empty() && !wants_prereleases) return false;
    return std::ranges::all_of(conjunction,
                               [&](const Comparison& one) { return one.met_by(version); });
  });
}

bool Constraint::Comparison::met_by(const Version& version) const {
  const bool same_major = version.major == operand.major;
  const bool same_minor = version.minor == operand.minor;
  switch (operation) {
    case Operator::kEqual:
      if (open == Open::kNothing) return version == operand;
      [[fallthrough]];

    case Operator::kTilde:
      if (version < operand) return false;
      // `*`, and also `~0.0.0`, which the library cannot tell apart from it.
      if ((open == Open::kNothing || open == Open::kMajor) && operand.major == 0 &&
          operand.minor == 0 && operand.patch == 0) {
        return true;
      }
      return same_major && (same_minor || open == Open::kMinor);

    case Operator::kNotEqual:
      if (open == Open::kMinor) return !same_major;
      if (open == Open::kPatch) {
        return !same_major || !same_minor ||
               std::is_neq(compare_prereleases(version.prerelease, operand.prerelease));
      }
      return version != operand;

    case Operator::kGreater:
      // Above all of 1.x, not just above 1.0.0.
      if (open == Open::kMinor) return version.major > operand.major;
      if (open == Open::kPatch) {
        return version.major > operand.major || (same_major && version.minor > operand.minor);
      }
      return version > operand;

    case Operator::kLess:
      return version < operand;

    case Operator::kGreaterOrEqual:
      return version >= operand;

    case Operator::kLessOrEqual:
      if (open == Open::kNothing) return version <= operand;
      return version.major < operand.major ||
             (same_major && (version.minor <= operand.minor || open == Open::kMinor));

    case Operator::kCaret:
      // The leftmost part that is not zero must not change.
      if (version < operand) return false;
      if (operand.major > 0 || open == Open::kMinor) return same_major;
      if (operand.minor > 0 || open == Open::kPatch) return same_major && same_minor;
      return same_major && same_minor && version.patch == operand.patch;
  }
  return false;
}

}  // namespace receiver::git
