#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "git/ref_selector.h"
#include "test/differential/git_repository.h"
#include "test/differential/history.h"

namespace receiver::test {

/// Whether a path, in Git's spelling, counts for a subscription; a simple implementation, only for
/// patterns with an undisputed meaning.
class NaiveFilter {
 public:
  explicit NaiveFilter(const git::PathRules& rules) : rules_(rules) {}

  [[nodiscard]] bool counts(const std::string& path) const;

 private:
  const git::PathRules& rules_;
};

/// What Kargo would discover, according to Git.
class Discovery {
 public:
  /// Both must outlive it.
  Discovery(const History& history, const GitRepository& repository)
      : history_(history), repository_(repository) {}

  /// Whether a Warehouse that had discovered everything before this push would discover something
  /// new after it: for a branch, commits on its way of first parents; for a strategy of tags, a
  /// tag.
  [[nodiscard]] bool finds(const git::Subscription& subscription, std::size_t push);

  /// The commits of the way, newest first.
  [[nodiscard]] const std::vector<LoggedCommit>& way(std::size_t commit);

 private:
  [[nodiscard]] bool branch_differs(const RefUpdate& update, const NaiveFilter& filter);
  [[nodiscard]] bool tag_differs(const RefUpdate& update, const NaiveFilter& filter);

  const History& history_;
  const GitRepository& repository_;
  std::unordered_map<std::size_t, std::vector<LoggedCommit>> ways_;
};

}  // namespace receiver::test
