#include "git/ref_selector.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include <re2/re2.h>

#include "git/semver.h"

namespace receiver::git {
namespace {

constexpr std::string_view kBranchPrefix = "refs/heads/";
constexpr std::string_view kTagPrefix = "refs/tags/";

/// For one pattern's program and its automaton. A pattern that needs more counts as invalid.
constexpr std::int64_t kMaxPatternBytes = std::int64_t{2} << 20;

using Patterns = std::vector<std::unique_ptr<RE2>>;

/// Where the character class that begins at `at` ends: past its `]`, or at the pattern's end.
std::size_t class_end(std::string_view regex, std::size_t at) {
  ++at;
  if (at < regex.size() && regex[at] == '^') ++at;
  // A bracket that comes first stands for itself.
  if (at < regex.size() && regex[at] == ']') ++at;
  while (at < regex.size() && regex[at] != ']') {
    const std::size_t named = regex.substr(at, 2) == "[:" ? regex.find(":]", at + 2) : regex.npos;
    if (named != regex.npos) {
      at = named + 2;
    } else {
      at += regex[at] == '\\' ? 2 : 1;
    }
  }
  return std::min(at + 1, regex.size());
}

/// Go, and so Kargo, reads `(?<name>` as `(?P<name>`. RE2 before 2023-09 knows the latter only.
std::string with_named_groups_of_re2(std::string_view regex) {
  std::string result;
  std::size_t at = 0;
  const auto copy_until = [&](std::size_t end) {
    result += regex.substr(at, end - at);
    at = std::min(end, regex.size());
  };
  while (at < regex.size()) {
    const std::string_view rest = regex.substr(at);
    if (rest.starts_with("\\Q")) {
      const std::size_t end = rest.find("\\E");
      copy_until(end == rest.npos ? regex.size() : at + end + 2);
    } else if (rest.front() == '\\') {
      copy_until(at + 2);
    } else if (rest.front() == '[') {
      copy_until(class_end(regex, at));
    } else if (rest.starts_with("(?<") && !rest.starts_with("(?<=") && !rest.starts_with("(?<!")) {
      result += "(?P<";
      at += 3;
    } else {
      copy_until(at + 1);
    }
  }
  return result;
}

/// Nothing if one of them is invalid.
std::optional<Patterns> compile(const std::vector<std::string>& regexes) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxPatternBytes);
  options.set_never_capture(true);
  Patterns patterns;
  for (const std::string& regex : regexes) {
    patterns.push_back(std::make_unique<RE2>(with_named_groups_of_re2(regex), options));
    if (!patterns.back()->ok()) return std::nullopt;
  }
  return patterns;
}

bool any_matches(const Patterns& patterns, std::string_view text) {
  return std::ranges::any_of(patterns, [&](const auto& pattern) {
    return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *pattern);
  });
}

bool branch_affected(const Subscription& subscription, std::string_view ref) {
  if (!ref.starts_with(kBranchPrefix)) return false;
  // Without a branch it is the default one, which no payload names: it may be this.
  return subscription.branch.empty() || ref.substr(kBranchPrefix.size()) == subscription.branch;
}

/// The rules that a tag has to pass, compiled once for all refs of a push.
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
    // A leading v is no semantic version, but so common on tags that strictness overlooks it.
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
