// Versions and constraints. The input is a constraint, a version and another version, one per line.

#include "git/semver.h"

#include <algorithm>
#include <compare>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "git/ref_selector.h"
#include "test/fuzz/fuzz.h"

namespace receiver::fuzz {
namespace {

using git::Constraint;
using git::Version;

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

bool meets(const Version& version, const std::string& constraint) {
  const auto parsed = Constraint::parse(constraint);
  require(parsed.has_value(), "versions with signs before them are a constraint");
  return parsed->met_by(version);
}

std::string written(const Version& version) {
  std::string text = fmt::format("{}.{}.{}", version.major, version.minor, version.patch);
  if (!version.prerelease.empty()) text.append("-").append(version.prerelease);
  if (!version.metadata.empty()) text.append("+").append(version.metadata);
  return text;
}

void check_version(std::string_view text, const Version& version) {
  const std::string again = written(version);
  // Numbers are written in full, which may be longer than the text was; and a constraint may
  // contain two versions.
  if (2 * again.size() + 10 > git::kMaxConstraintBytes) return;
  const auto strict = git::parse_strict_version(again);
  require(strict && *strict == version, "a version that is written out is a strict one");
  if (const auto read = git::parse_strict_version(text)) {
    require(*read == version, "a strict version is the same version to the lenient");
  }
  require(meets(version, fmt::format("={}", again)), "a version meets itself");
  require(!meets(version, fmt::format("!={}", again)), "a version does not differ from itself");
  require(meets(version, fmt::format(">={0} || <{0}-0", again)), "a version is above or below");
  require(meets(version, fmt::format("~{0}, ^{0}", again)), "a version is near itself");
}

void check_order(const Version& left, const Version& right) {
  const auto order = left <=> right;
  const auto reverse = right <=> left;
  require(std::is_lt(order) == std::is_gt(reverse) && std::is_eq(order) == std::is_eq(reverse),
          "an order has two directions");
  const bool releases = left.prerelease.empty() && right.prerelease.empty();
  if (!releases || written(right).size() > 200) return;
  require(meets(left, fmt::format("<{}", written(right))) == std::is_lt(order),
          "below means before");
  require(meets(left, fmt::format(">{}", written(right))) == std::is_gt(order),
          "above means after");
}

/// As for a push of that tag.
void check_selection(const std::string& constraint, const std::string& version) {
  git::Subscription subscription;
  subscription.strategy = git::Strategy::kSemVer;
  subscription.semver_constraint = constraint;
  const std::vector<std::string> refs{fmt::format("refs/tags/{}", version)};
  const auto parsed_constraint = Constraint::parse(constraint);
  const auto parsed_version = git::parse_version(version);
  const bool expected =
      (!constraint.empty() && !parsed_constraint) ||
      (parsed_version && (constraint.empty() || parsed_constraint->met_by(*parsed_version)));
  require(git::affected(subscription, refs) == expected, "a tag is selected by its version");
}

}  // namespace

void fuzz(std::string_view input) {
  const std::string constraint(take_line(input));
  const std::string_view first = take_line(input);
  const std::string_view second = take_line(input);
  const auto left = git::parse_version(first);
  const auto right = git::parse_version(second);
  require(left.has_value() || !git::parse_strict_version(first),
          "what is strictly a version is leniently one");
  if (left) check_version(first, *left);
  if (left && right) check_order(*left, *right);
  check_selection(constraint, std::string(first));
}

}  // namespace receiver::fuzz
