#include "test/differential/world.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <re2/re2.h>

#include "git/path_filter.h"
#include "text/unicode.h"

namespace receiver::test {
namespace {

using bitbucket::Source;
using bitbucket_rest::ApiAnswer;
using git::Strategy;

constexpr std::size_t kLongestWay = 5;
constexpr std::size_t kMostChanges = 1000;

HistoryTraits random_history_traits(Random& random) {
  HistoryTraits traits;
  traits.odd_names = random.chance(0.5);
  traits.broken_names = random.chance(0.25);
  traits.many_files = random.chance(0.2);
  return traits;
}

History unusual_history(Random& random, std::size_t pushes) {
  const HistoryTraits traits = random_history_traits(random);
  return random_history(random, pushes, traits);
}

bitbucket_rest::Repository repository_of(Source product) {
  return product == Source::kCloud
             ? bitbucket_rest::Repository{product, std::string(bitbucket_rest::kCloudApi),
                                          "kargo-orchard", "fruit-basket"}
             : bitbucket_rest::Repository{product, "https://git.orchard.example/git", "ORCH",
                                          "fruit-basket"};
}

BitbucketTraits random_traits(Random& random) {
  BitbucketTraits traits;
  if (random.chance(0.4)) traits.page_length = random.one_of<std::size_t>({1, 2, 3, 7, 25, 100});
  traits.ascii_json = random.chance(0.3);
  traits.forgets_commits = random.chance(0.5);
  traits.tells_default_branch = random.chance(0.85);
  if (random.chance(0.45)) traits.most_changes = random.one_of<std::size_t>({1, 2, 5, 100});
  traits.ends_at_most_changes = traits.most_changes == kMostChanges && random.chance(0.5);
  traits.tells_commits = random.chance(0.6);
  traits.knows_tag_objects = random.chance(0.8);
  traits.tells_path_text = random.chance(0.8);
  traits.has_default_branch_path = random.chance(0.7);
  return traits;
}

// Patterns ------------------------------------------------------------------------------------

std::string random_pattern(Random& random, bool odd) {
  const std::string& folder =
      random.one_of(odd && random.chance(0.3) ? odd_folders() : usual_folders());
  // Without characters that have a meaning in a pattern.
  static const std::vector<std::string> names{"main.go", "README.md",  "values.yaml",
                                              "x.txt",   "Chart.yaml", "run.sh"};
  static const std::vector<std::string> endings{"go", "md", "yaml", "txt"};
  static const std::vector<std::string> others{
      "glob:**",
      "glob:**/*",
      "glob:*",
      "glob:*/*",
      "glob:{apps,libs}/**",
      "glob:apps/{web,api}/*.{go,md}",
      "glob:**/web/**",
      "glob:apps/?eb/**",
      "glob:[aci]*/**",
      "glob:charts/*/templates/*",
      "glob:**/.*",
      "glob:apps/**/src/*",
      "regex:^apps/",
      "regexp:^(apps|libs)/.*\\.go$",
      "regex:\\.(md|txt)$",
      "regex:^[^/]+$",
      "regex:web",
      "regex:/values\\.yaml$",
      "regex:^infra/(prod|test)/",
      // In Git's spelling.
      "regex:^\"",
      "regex:\\\\303",
      "regex:\\\\351",
      "regex:\\\\3[57]",
      "regex:\\\\n",
      "regex:\\.md\"$",
      "\"apps",
      "\"apps/caf\\303\\251",
      "glob:\"apps/**",
      "glob:\"apps/caf\\\\303\\\\251/*",
      "glob:**/*\"",
      "caf\xc3\xa9",
      "glob:**/caf\xc3\xa9*/**",
      "regex:\xc3\xa9",
      "regex:\xef\xbf\xbd",
      "glob:**/latin?",
  };
  const std::string below = folder.empty() ? "" : folder + '/';
  const bool is_plain_text = folder.find_first_of("\\\"*?[{") == std::string::npos;
  switch (is_plain_text ? random.weighted({30, 5, 5, 12, 10, 5, 5, 28})
                        : random.weighted({1, 1, 0, 0, 0, 0, 0, 1})) {
    case 0:
      return folder;
    case 1:
      return below;
    case 2:
      return "./" + folder;
    case 3:
      return "glob:" + below + "**";
    case 4:
      return "glob:" + below + "*." + random.one_of(endings);
    case 5:
      return "glob:**/" + random.one_of(names);
    case 6:
      return below + random.one_of(names);
    default:
      return random.one_of(others);
  }
}

std::vector<std::string> random_patterns(Random& random, std::size_t count) {
  const bool odd = random.chance(0.5);
  std::vector<std::string> patterns;
  for (std::size_t i = 0; i < count; ++i) patterns.push_back(random_pattern(random, odd));
  return patterns;
}

/// A pattern that matches a path of the push's commits, in Git's spelling: there a decision could
/// overlook something.
std::string fitting_pattern(PushWorld& world, const RefUpdate& update) {
  Random& random = world.random;
  const bool is_new = update.after && (!update.before || random.chance(0.7));
  const auto& way = world.discovery.way(is_new ? update.after->commit : update.before->commit);
  // Mostly of the newest.
  const std::size_t place = random.below(random.below(6) + 1);
  const auto& paths = way[std::min(place, way.size() - 1)].paths;
  if (paths.empty()) return random_pattern(random, false);
  // The last one may be truncated.
  const std::string& path = random.chance(0.3) ? paths.back() : random.one_of(paths);
  return random.chance(0.5) ? path : "regex:^" + RE2::QuoteMeta(path) + '$';
}

bool takes_default_branch(const git::Subscription& subscription) {
  return subscription.strategy == Strategy::kNewestFromBranch && subscription.branch.empty();
}

// What is simple ------------------------------------------------------------------------------

/// The commits that discovery newly looks at, if the ref is a new tag, or its way leads back to the
/// old commit in few steps; else none.
std::vector<std::size_t> few_steps(const History& history, const RefUpdate& update) {
  if (!update.after) return {};
  std::vector<std::size_t> steps{update.after->commit};
  if (update.ref.starts_with("refs/tags/")) {
    return update.before ? std::vector<std::size_t>() : steps;
  }
  while (update.before && steps.size() <= kLongestWay) {
    const auto& parents = history.commits[steps.back()].parents;
    if (parents.empty()) break;
    if (parents.front() == update.before->commit) return steps;
    steps.push_back(parents.front());
  }
  return {};
}

/// Whether a commit's own difference is reported completely, and not empty.
bool is_told(const PushWorld& world, std::size_t number) {
  const Commit& commit = world.history.commits[number];
  const auto paths = differing_paths(former_tree(world.history, commit), *commit.tree);
  const std::size_t most = world.bitbucket.is_cloud()
                               ? kMostChanges - 1
                               : std::min(kMostChanges - 1, world.bitbucket.traits.most_changes);
  return !paths.empty() && paths.size() <= most &&
         std::ranges::all_of(paths, [](const std::string& path) {
           return text::is_utf8(path) && path.find("\xef\xbf\xbd") == std::string::npos;
         });
}

}  // namespace

PushWorld::PushWorld(std::uint64_t seed, Source product, std::size_t pushes)
    : random(seed),
      history(unusual_history(random, pushes)),
      repository(history),
      bitbucket{history, repository_of(product), random_traits(random)},
      discovery(history, repository) {}

DeliveredPush::DeliveredPush(PushWorld& world, std::size_t push)
    : bitbucket_(world.bitbucket),
      asked_after_(push),
      body_(payload_of(world.bitbucket, push)),
      seed_(world.random.below(1'000'000'000)),
      is_quiet_(world.random.chance(0.8)) {
  // Another push came before the questions.
  const bool is_late = !is_quiet_ && push + 1 < world.history.pushes.size();
  if (is_late && world.random.chance(0.3)) ++asked_after_;
}

ApiAnswer DeliveredPush::answer(const bitbucket_rest::ApiRequest& request) const {
  ApiAnswer answer = answer_of(bitbucket_, request, asked_after_);
  if (is_quiet_) return answer;
  std::uint64_t seed = seed_;
  for (const char character : request.url) {
    seed = seed * 131 + static_cast<unsigned char>(character);
  }
  Random random(seed);
  if (!random.chance(0.15)) return answer;
  switch (random.below(4)) {
    case 0:
      return {random.one_of<unsigned>({302, 401, 403, 404, 429, 500, 503, 555}), "{}", {}, {}};
    case 1:  // cut off
      answer.body.resize(random.below(answer.body.size()));
      return answer;
    case 2:
      answer.body.clear();
      return answer;
    default:
      answer.body = "<html>Maintenance</html>";
      return answer;
  }
}

git::Subscription random_subscription(PushWorld& world, std::size_t push) {
  Random& random = world.random;
  git::Subscription subscription;
  subscription.repo_url = clone_url(world.bitbucket);
  const auto& update = random.one_of(world.history.pushes[push].updates);
  const bool fits = random.chance(0.85);
  const bool is_tag = update.ref.starts_with("refs/tags/") == fits;
  if (is_tag) {
    subscription.strategy =
        random.one_of<Strategy>({Strategy::kNewestTag, Strategy::kLexical, Strategy::kSemVer});
    if (subscription.strategy == Strategy::kSemVer && random.chance(0.3)) {
      subscription.semver_constraint = random.one_of<std::string>({"^1.0.0", ">=2.0.0"});
    }
    if (random.chance(0.1)) subscription.allow_tags_regexes = {"^(v|release/)"};
    if (random.chance(0.1)) subscription.ignore_tags_regexes = {"nightly"};
  } else if (fits && random.chance(0.7)) {
    subscription.branch = update.ref.substr(std::string_view("refs/heads/").size());
  } else if (random.chance(0.2)) {
    subscription.branch = world.history.default_branch;
  }
  const std::size_t kind = random.weighted({55, 20, 25});
  auto include = random_patterns(random, kind == 1 ? 0 : random.between(1, 3));
  auto exclude = random_patterns(random, kind == 0 ? 0 : random.between(1, 2));
  if (kind != 1 && random.chance(0.4)) include = {fitting_pattern(world, update)};
  subscription.paths = git::PathRules(std::move(include), std::move(exclude));
  return subscription;
}

bool is_simple(const PushWorld& world, std::size_t push, const git::Subscription& subscription) {
  const auto& updates = world.history.pushes[push].updates;
  const bool takes_tags = subscription.strategy != Strategy::kNewestFromBranch;
  const std::string& branch =
      subscription.branch.empty() ? world.history.default_branch : subscription.branch;
  const auto concerns = [&](const RefUpdate& update) {
    return update.ref.starts_with("refs/tags/")
               ? takes_tags && git::affected(subscription, {&update.ref, 1})
               : !takes_tags && update.ref == "refs/heads/" + branch;
  };
  return updates.size() <= 2 && std::ranges::any_of(updates, concerns) &&
         std::ranges::none_of(updates, [&](const RefUpdate& update) {
           return few_steps(world.history, update).empty();
         });
}

bool is_told_in_full(const PushWorld& world, std::size_t push,
                     const git::Subscription& subscription) {
  constexpr std::size_t kShortPage = 100;
  const BitbucketTraits& traits = world.bitbucket.traits;
  if (traits.page_length < kShortPage) return false;
  if (takes_default_branch(subscription) && !traits.tells_default_branch) return false;
  return std::ranges::all_of(world.history.pushes[push].updates, [&](const RefUpdate& update) {
    const bool is_named = world.bitbucket.is_cloud() || traits.knows_tag_objects || !update.after ||
                          !update.after->tag_object;
    return is_named && std::ranges::all_of(few_steps(world.history, update),
                                           [&](std::size_t step) { return is_told(world, step); });
  });
}

bool is_elsewhere(const PushWorld& world, std::size_t push, const git::Subscription& subscription) {
  const std::string branch = "refs/heads/" + world.history.default_branch;
  return takes_default_branch(subscription) && world.bitbucket.traits.tells_default_branch &&
         std::ranges::none_of(world.history.pushes[push].updates,
                              [&](const RefUpdate& update) { return update.ref == branch; });
}

std::string described(const PushWorld& world, std::size_t push) {
  const auto tip_of = [&](const std::optional<Tip>& tip) {
    return tip ? world.history.commits[tip->commit].hash : std::string("nothing");
  };
  std::string text;
  for (const RefUpdate& update : world.history.pushes[push].updates) {
    text += fmt::format("{}: {} -> {}\n", update.ref, tip_of(update.before), tip_of(update.after));
  }
  return text;
}

std::string described(const git::Subscription& subscription) {
  constexpr std::array kStrategies{"NewestFromBranch", "NewestTag", "Lexical", "SemVer"};
  return fmt::format("{} branch '{}', constraint '{}', include {}, exclude {}\n",
                     kStrategies.at(static_cast<std::size_t>(subscription.strategy)),
                     subscription.branch, subscription.semver_constraint,
                     subscription.paths.include(), subscription.paths.exclude());
}

}  // namespace receiver::test
