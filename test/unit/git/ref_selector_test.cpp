#include "git/ref_selector.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "test/support/vectors.h"

namespace receiver::git {

using test::load_vectors;
using test::text_of;

namespace {

std::string string_member(const rapidjson::Value& object, const char* name) {
  const auto member = object.FindMember(name);
  return member == object.MemberEnd() ? std::string() : text_of(member->value);
}

std::vector<std::string> strings_member(const rapidjson::Value& object, const char* name) {
  std::vector<std::string> strings;
  if (const auto member = object.FindMember(name); member != object.MemberEnd()) {
    for (const auto& value : member->value.GetArray()) strings.push_back(text_of(value));
  }
  return strings;
}

Subscription read_subscription(const rapidjson::Value& git) {
  Subscription subscription;
  subscription.branch = string_member(git, "branch");
  subscription.semver_constraint = string_member(git, "semverConstraint");
  subscription.allow_tags_regexes = strings_member(git, "allowTagsRegexes");
  subscription.ignore_tags_regexes = strings_member(git, "ignoreTagsRegexes");
  subscription.strategy = strategy_of(string_member(git, "commitSelectionStrategy"));
  const auto strict = git.FindMember("strictSemvers");
  subscription.strict_semvers = strict != git.MemberEnd() && strict->value.GetBool();
  return subscription;
}

Subscription tags(Strategy strategy) {
  Subscription subscription;
  subscription.strategy = strategy;
  return subscription;
}

bool affected_by(const Subscription& subscription, std::vector<std::string> refs) {
  return affected(subscription, refs);
}

}  // namespace

TEST_CASE("vectors/ref_selector.json: a subscription is affected by the refs that Kargo says") {
  const auto vectors = load_vectors("ref_selector.json");
  std::size_t cases = 0;
  std::size_t rejected = 0;
  for (const auto& vector : vectors.GetArray()) {
    const Subscription subscription = read_subscription(vector["git"]);
    INFO("strategy " << string_member(vector["git"], "commitSelectionStrategy") << ", branch '"
                     << subscription.branch << "', constraint '" << subscription.semver_constraint
                     << "', strict " << subscription.strict_semvers << ", allow "
                     << Catch::Detail::stringify(subscription.allow_tags_regexes) << ", ignore "
                     << Catch::Detail::stringify(subscription.ignore_tags_regexes));
    if (vector.HasMember("error")) {
      // A user learns of a broken pattern from the Warehouse, not from missing refreshes.
      CHECK(affected_by(subscription, {"refs/tags/1.2.3"}));
      CHECK(affected_by(subscription, {"refs/heads/main"}));
      ++rejected;
      continue;
    }
    for (const auto& [name, value] : vector["refs"].GetObject()) {
      const std::string ref = text_of(name);
      INFO(ref);
      // The one intended difference: Kargo assumes that main or master is the default branch, but
      // it may be any.
      const bool any_branch = subscription.strategy == Strategy::kNewestFromBranch &&
                              subscription.branch.empty() && ref.starts_with("refs/heads/");
      CHECK(affected_by(subscription, {ref}) == (any_branch || value.GetBool()));
      ++cases;
    }
  }
  CHECK(cases > 0);
  CHECK(rejected > 0);
}

TEST_CASE("a push of unknown refs affects every subscription") {
  const auto strategy = GENERATE(Strategy::kNewestFromBranch, Strategy::kNewestTag,
                                 Strategy::kLexical, Strategy::kSemVer, Strategy::kUnknown);
  Subscription subscription = tags(strategy);
  subscription.branch = "main";
  subscription.allow_tags_regexes = {"^never$"};
  CHECK(affected_by(subscription, {}));
}

TEST_CASE("one ref of several is enough") {
  Subscription subscription;
  subscription.branch = "main";
  CHECK(affected_by(subscription, {"refs/tags/v1", "refs/heads/x", "refs/heads/main"}));
  CHECK_FALSE(affected_by(subscription, {"refs/tags/main", "refs/heads/main2", "main"}));
}

TEST_CASE("without a branch any branch is the default one, and no tag is") {
  const Subscription subscription;
  CHECK(affected_by(subscription, {"refs/heads/trunk"}));
  CHECK(affected_by(subscription, {"refs/heads/feature/x"}));
  CHECK_FALSE(affected_by(subscription, {"refs/tags/v1"}));
  CHECK_FALSE(affected_by(subscription, {"refs/notes/commits"}));
}

TEST_CASE("branch names are compared in full and in their own letter case") {
  Subscription subscription;
  subscription.branch = "release/1";
  CHECK(affected_by(subscription, {"refs/heads/release/1"}));
  CHECK_FALSE(affected_by(subscription, {"refs/heads/Release/1"}));
  CHECK_FALSE(affected_by(subscription, {"refs/heads/release/10"}));
}

TEST_CASE("a strategy of a later Kargo is affected by everything") {
  CHECK(strategy_of("NewestFromMoon") == Strategy::kUnknown);
  CHECK(strategy_of("semver") == Strategy::kUnknown);
  CHECK(affected_by(tags(Strategy::kUnknown), {"refs/heads/x"}));
}

TEST_CASE("tag patterns match anywhere in the name, slashes included") {
  Subscription subscription = tags(Strategy::kLexical);
  subscription.allow_tags_regexes = {"^backend/v[0-9]+$"};
  subscription.ignore_tags_regexes = {"/v0"};
  CHECK(affected_by(subscription, {"refs/tags/backend/v12"}));
  CHECK_FALSE(affected_by(subscription, {"refs/tags/backend/v0"}));
  CHECK_FALSE(affected_by(subscription, {"refs/tags/frontend/v12"}));
}

TEST_CASE("a named group is written in either of Go's two ways") {
  struct Case {
    std::string pattern, matching, other;
  };
  for (const auto& [pattern, matching, other] : {
           Case{R"(^(?P<name>v)1$)", "v1", "x1"},
           Case{R"(^(?<name>v)1$)", "v1", "x1"},
           Case{R"(^(?<a>v(?<b_2>\d))(?i:x)$)", "v1X", "vvx"},
           Case{R"(^\\(?<a>v)$)", R"(\v)", "v"},
           Case{R"(^[^]](?<a>v)$)", "xv", "]v"},
           Case{R"(^[\]](?<a>v)$)", "]v", "xv"},
           Case{R"(^[[:alpha:]](?<a>v)$)", "xv", "1v"},
           Case{R"(^:][[:alpha:]](?<a>v)$)", ":]xv", ":]1v"},
           Case{R"(^[[:x](?<a>v)$)", "[v", "zv"},
           Case{R"(^\Q[\E(?<a>v)$)", "[v", "xv"},
           // None of these is a group.
           Case{R"(^\(?<a>$)", "(<a>", "<b>"},
           Case{R"(^[(?<a>]$)", "?", "P"},
           Case{R"(^\Q(?<a>x)\E$)", "(?<a>x)", "x"},
           Case{R"(^\Q(?<a>x)$)", "(?<a>x)$", "x"},
       }) {
    INFO(pattern);
    Subscription subscription = tags(Strategy::kLexical);
    subscription.allow_tags_regexes = {pattern};
    CHECK(affected_by(subscription, {"refs/tags/" + matching}));
    CHECK_FALSE(affected_by(subscription, {"refs/tags/" + other}));
  }
}

TEST_CASE("a pattern that is invalid in Go is so here, and then every push counts") {
  for (const char* pattern : {"(?<=v)1", "(?<!v)1", "(?<a>", "(?<>v)", "(?<a-b>v)", "(?<",
                              "[(?<a>v)", "\\", "[\\", "[[:", "[]"}) {
    INFO(pattern);
    Subscription subscription = tags(Strategy::kLexical);
    subscription.allow_tags_regexes = {pattern, "^never$"};
    CHECK(affected_by(subscription, {"refs/tags/x"}));
  }
}

TEST_CASE("a pattern too large to compile counts as invalid, and a hard one is still linear") {
  Subscription large = tags(Strategy::kNewestTag);
  large.allow_tags_regexes = {"(\\pL{100}){10}", "^never$"};
  CHECK(affected_by(large, {"refs/tags/v1"}));

  Subscription hard = tags(Strategy::kNewestTag);
  hard.allow_tags_regexes = {"^(a+)+(a+)+(a+)+$"};
  CHECK_FALSE(affected_by(hard, {"refs/tags/" + std::string(100'000, 'a') + "!"}));
}

TEST_CASE("tags of any bytes are judged") {
  Subscription subscription = tags(Strategy::kSemVer);
  subscription.semver_constraint = ">=1";
  CHECK_FALSE(affected_by(subscription, {std::string("refs/tags/1\0", 12)}));
  CHECK_FALSE(affected_by(subscription, {"refs/tags/\xFF\xFE"}));
  CHECK_FALSE(affected_by(subscription, {"", "refs/tags/", "refs/heads/"}));
}

}  // namespace receiver::git
