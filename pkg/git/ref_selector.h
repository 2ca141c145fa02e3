#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "git/path_rules.h"

/// Whether a push can affect a Git subscription of a Warehouse.
namespace receiver::git {

enum class Strategy : std::uint8_t {
  kNewestFromBranch,
  kNewestTag,
  kLexical,
  kSemVer,
  /// A name that this version does not know.
  kUnknown,
};

/// The strategy for a name in a Warehouse; the empty name is NewestFromBranch.
[[nodiscard]] Strategy strategy_of(std::string_view name);

/// The part of a Warehouse's Git subscription that decides about pushes. A cluster may have a
/// hundred thousand of them.
struct Subscription {
  std::string repo_url;
  std::string branch;
  std::string semver_constraint;
  std::vector<std::string> allow_tags_regexes;
  std::vector<std::string> ignore_tags_regexes;
  PathRules paths;
  Strategy strategy = Strategy::kNewestFromBranch;
  bool strict_semvers = false;

  friend bool operator==(const Subscription&, const Subscription&) = default;
};

/// Whether one of `refs` (full names: `refs/heads/main`, `refs/tags/v1`) could change what the
/// subscription selects. True in doubt: if no refs are known, the strategy is unknown, or a pattern
/// or the constraint is invalid. Ignores the repository and `paths`.
[[nodiscard]] bool affected(const Subscription& subscription, std::span<const std::string> refs);

}  // namespace receiver::git
