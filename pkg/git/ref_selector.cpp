#include "git/ref_selector.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "git/regex.h"
#include "git/semver.h"

namespace receiver::git {
namespace {

constexpr std::string_view kBranchPrefix = "refs/heads/";
constexpr std::string_view kTagPrefix = "refs/tags/";

using Patterns = std::vector<Regex>;

/// Nothing if an expression is invalid.
std::optional<Patterns> compile(const std::vector<std::string>& regexes) {
  Patterns patterns;
  for (const std::string& regex : regexes) {
    auto pattern = Regex::parse(regex);
    if (!pattern) return std::nullopt;
    patterns.push_back(*std::move(pattern));
  }
  return patterns;
}

bool any_matches(const Patterns& patterns, std::string_view text) {
  return std::ranges::any_of(patterns, [&](const Regex& pattern) { return pattern.matches(text); });
}

bool branch_affected(const Subscription& subscription, std::string_view ref) {
  if (!ref.starts_with(kBranchPrefix)) return false;
  // Without a branch, the subscription is for the default branch. No payload names it, so this may
  // be it.
  return subscription.branch.empty() || ref.substr(kBranchPrefix.size()) == subscription.branch;
}

/// The rules for tags, compiled once for all refs of a push.
struct TagRules {
  Patterns allow;
  Patterns ignore;
  bool versions_only = false;
  bool strict_versions = false;
  std::optional<Constraint> constraint;

  [[nodiscard]] bool pass(std::string_view tag) const {
    if (!allow.empty() && !any_matches(allow, tag)) return false;
    if (any_matches(ignore, tag)) return false;
    if (!versions_only) return true;
    // A leading v is not part of a semantic version, but so common on tags that it is accepted even
    // if strict.
    const auto version = strict_versions
                             ? parse_strict_version(tag.substr(tag.starts_with('v') ? 1 : 0))
                             : parse_version(tag);
    return version && (!constraint || constraint->met_by(*version));
  }
};

/// Nothing if a pattern or the constraint is invalid.
std::optional<TagRules> tag_rules(const Subscription& subscription) {
  auto allow = compile(subscription.allow_tags_regexes);
  auto ignore = compile(subscription.ignore_tags_regexes);
  if (!allow || !ignore) return std::nullopt;
  TagRules rules;
  rules.allow = *std::move(allow);
  rules.ignore = *std::move(ignore);
  if (subscription.strategy == Strategy::kSemVer) {
    rules.versions_only = true;
    rules.strict_versions = subscription.strict_semvers;
    if (!subscription.semver_constraint.empty()) {
      rules.constraint = Constraint::parse(subscription.semver_constraint);
      if (!rules.constraint) return std::nullopt;
    }
  }
  return rules;
}

}  // namespace

Strategy strategy_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Strategy>, 5> kNames{{
      {"", Strategy::kNewestFromBranch},
      {"NewestFromBranch", Strategy::kNewestFromBranch},
      {"NewestTag", Strategy::kNewestTag},
      {"Lexical", Strategy::kLexical},
      {"SemVer", Strategy::kSemVer},
  }};
  const auto* const found =
      std::ranges::find(kNames, name, &std::pair<std::string_view, Strategy>::first);
  return found == kNames.end() ? Strategy::kUnknown : found->second;
}

bool affected(const Subscription& subscription, std::span<const std::string> refs) {
  if (refs.empty() || subscription.strategy == Strategy::kUnknown) return true;
  if (subscription.strategy == Strategy::kNewestFromBranch) {
    return std::ranges::any_of(
        refs, [&](const std::string& ref) { return branch_affected(subscription, ref); });
  }
  const auto rules = tag_rules(subscription);
  if (!rules) return true;
  return std::ranges::any_of(refs, [&](std::string_view ref) {
    return ref.starts_with(kTagPrefix) && rules->pass(ref.substr(kTagPrefix.size()));
  });
}

}  // namespace receiver::git
