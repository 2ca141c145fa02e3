#include "test/differential/discovery.h"

#include <algorithm>
#include <stdexcept>

#include <re2/re2.h>

#include "test/support/naive_glob.h"

namespace receiver::test {
namespace {

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    if (!part.empty() && part != ".") parts.emplace_back(part);
    path.remove_prefix(std::min(part.size() + 1, path.size()));
  }
  return parts;
}

/// As with Go's filepath.Rel from the folder to the path: with `..` anywhere in the result, the
/// path is not below.
bool is_below(std::string_view path, std::string_view folder) {
  const auto wanted = parts_of(folder);
  const auto given = parts_of(path);
  if (given.size() < wanted.size()) return false;
  const auto rest = given.begin() + static_cast<std::ptrdiff_t>(wanted.size());
  return std::equal(wanted.begin(), wanted.end(), given.begin()) &&
         std::none_of(rest, given.end(),
                      [](const std::string& part) { return part.find("..") != std::string::npos; });
}

bool matches_anew(std::string_view pattern, const std::string& path) {
  for (const std::string_view prefix : {"regex:", "regexp:"}) {
    if (!pattern.starts_with(prefix)) continue;
    const std::string expression(pattern.substr(prefix.size()));
    return RE2::PartialMatch(path, RE2(expression, RE2::Latin1));
  }
  constexpr std::string_view kGlob = "glob:";
  if (!pattern.starts_with(kGlob)) return is_below(path, pattern);
  const auto globs = without_groups(std::string(pattern.substr(kGlob.size())));
  if (!globs) throw std::logic_error("a glob of too many groups");
  return std::ranges::any_of(
      *globs, [&](const std::string& glob) { return NaiveGlob(glob, path).matches(); });
}

/// Cached, because the few patterns and paths are used repeatedly.
bool matches(const std::string& pattern, const std::string& path) {
  static std::unordered_map<std::string, std::unordered_map<std::string, bool>> known;
  auto& of_pattern = known[pattern];
  auto found = of_pattern.find(path);
  if (found == of_pattern.end()) {
    found = of_pattern.emplace(path, matches_anew(pattern, path)).first;
  }
  return found->second;
}

bool any_matches(const std::vector<std::string>& patterns, const std::string& path) {
  return std::ranges::any_of(patterns,
                             [&](const std::string& pattern) { return matches(pattern, path); });
}

bool any_counts(const LoggedCommit& commit, const NaiveFilter& filter) {
  return std::ranges::any_of(commit.paths,
                             [&](const std::string& path) { return filter.counts(path); });
}

}  // namespace

bool NaiveFilter::counts(const std::string& path) const {
  const bool included = rules_.include().empty() || any_matches(rules_.include(), path);
  return included && !any_matches(rules_.exclude(), path);
}

bool Discovery::finds(const git::Subscription& subscription, std::size_t push) {
  const NaiveFilter filter(subscription.paths);
  const bool takes_tags = subscription.strategy != git::Strategy::kNewestFromBranch;
  const std::string branch =
      "refs/heads/" + (subscription.branch.empty() ? history_.default_branch : subscription.branch);
  return std::ranges::any_of(history_.pushes[push].updates, [&](const RefUpdate& update) {
    if (update.ref.starts_with("refs/tags/")) {
      // Other tests check which tags a strategy selects.
      return takes_tags && git::affected(subscription, std::vector{update.ref}) &&
             tag_differs(update, filter);
    }
    return !takes_tags && update.ref == branch && branch_differs(update, filter);
  });
}

const std::vector<LoggedCommit>& Discovery::way(std::size_t commit) {
  auto found = ways_.find(commit);
  if (found == ways_.end()) {
    found = ways_.emplace(commit, repository_.log(history_.commits[commit].hash, 0)).first;
  }
  return found->second;
}

bool Discovery::branch_differs(const RefUpdate& update, const NaiveFilter& filter) {
  static const std::vector<LoggedCommit> none;
  const auto& before = update.before ? way(update.before->commit) : none;
  const auto& after = update.after ? way(update.after->commit) : none;
  // Where two ways meet, they continue together.
  std::size_t same = 0;
  while (same < std::min(before.size(), after.size()) &&
         (before.end() - 1 - static_cast<std::ptrdiff_t>(same))->hash ==
             (after.end() - 1 - static_cast<std::ptrdiff_t>(same))->hash) {
    ++same;
  }
  const auto any = [&](const std::vector<LoggedCommit>& way) {
    return std::any_of(way.begin(), way.end() - static_cast<std::ptrdiff_t>(same),
                       [&](const LoggedCommit& commit) { return any_counts(commit, filter); });
  };
  return any(before) || any(after);
}

bool Discovery::tag_differs(const RefUpdate& update, const NaiveFilter& filter) {
  const auto counts = [&](const std::optional<Tip>& tip) {
    return tip && any_counts(way(tip->commit).front(), filter);
  };
  return counts(update.before) || counts(update.after);
}

}  // namespace receiver::test
