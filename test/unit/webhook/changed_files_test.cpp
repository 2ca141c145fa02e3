#include "webhook/changed_files.h"

#include <catch2/catch.hpp>

namespace receiver::webhook {
namespace {

using bitbucket::Commit;
using bitbucket::RefChange;
using Files = Inquiry::Files;
using PathNames = std::vector<std::string>;

const std::string kOrchard = "https://bitbucket.org/orchard/fruit";
const std::string kIdentity = "bitbucket.org/orchard/fruit";
const std::string kMain = "refs/heads/main";
const std::string kOther = "refs/heads/feature";
const std::string kTag = "refs/tags/v1.2.3";

std::string hash(char digit) {
  return std::string(40, digit);
}

RefChange moved(const std::string& ref) {
  return {.ref = ref, .old_hash = hash('a'), .new_hash = hash('b')};
}
RefChange created(const std::string& ref) {
  return {.ref = ref, .old_hash = {}, .new_hash = hash('b'), .created = true};
}
RefChange deleted(const std::string& ref) {
  return {.ref = ref, .old_hash = hash('a'), .new_hash = {}, .deleted = true};
}
RefChange forced(RefChange change) {
  change.forced = true;
  return change;
}

git::Subscription subscription(const std::string& branch, const PathNames& include,
                               const PathNames& exclude = {}) {
  git::Subscription made;
  made.repo_url = kOrchard;
  made.branch = branch;
  made.paths = git::PathRules(include, exclude);
  return made;
}
git::Subscription with_strategy(git::Subscription made, const std::string& strategy) {
  made.strategy = git::strategy_of(strategy);
  return made;
}

Paths paths(PathNames names) {
  return std::make_shared<const PathNames>(std::move(names));
}

/// For each ref, the files of its commits.
Findings found(const std::vector<std::vector<PathNames>>& refs,
               std::optional<std::string> default_branch = {}) {
  Findings findings;
  findings.default_branch_asked = true;
  findings.default_branch = std::move(default_branch);
  for (const auto& commits : refs) {
    findings.refs.push_back({.asked = true, .files = {}});
    for (const PathNames& names : commits) findings.refs.back().files.push_back(paths(names));
  }
  return findings;
}

struct Result {
  Judgement judgement;
  Inquiry inquiry;
};

Result judge(
    const std::vector<git::Subscription>& subscriptions, const std::vector<RefChange>& changes,
    const std::optional<Findings>& findings = {},
    const std::function<bool()>& enough = [] { return false; }) {
  const PathNames identities{kIdentity};
  Findings known;
  known.refs.resize(changes.size());
  if (findings) known = *findings;
  Result result{};
  result.judgement =
      judge_changed_files({PushedRepositories(identities), changes}, {{"ns", "w"}, subscriptions},
                          known, result.inquiry, enough);
  return result;
}

}  // namespace

TEST_CASE("a subscription may be spared if it names paths, or no branch") {
  CHECK(may_be_spared(subscription("", {})));
  CHECK(may_be_spared(subscription("main", {"apps"})));
  CHECK(may_be_spared(subscription("main", {}, {"docs"})));
  CHECK_FALSE(may_be_spared(subscription("main", {})));
  CHECK_FALSE(may_be_spared(with_strategy(subscription("", {}), "NewestTag")));
  CHECK(may_be_spared(with_strategy(subscription("", {"apps"}), "SemVer")));
  CHECK_FALSE(may_be_spared(with_strategy(subscription("", {"apps"}), "Latest")));
}

TEST_CASE("what must be known before a push may be spared") {
  struct Case {
    std::string what;
    git::Subscription subscription;
    RefChange change;
    Judgement judgement;
    bool default_branch;
    Files files;
  };
  const auto app = subscription("main", {"apps"});
  const auto any = subscription("", {});
  const auto any_app = subscription("", {"apps"});
  const auto tags = with_strategy(subscription("", {"apps"}), "SemVer");
  using enum Judgement;
  RefChange same = moved(kMain);
  same.new_hash = same.old_hash;
  RefChange tag_that_moves = moved(kTag);
  RefChange no_hash = moved(kMain);
  no_hash.new_hash.clear();
  RefChange no_old_hash = moved(kMain);
  no_old_hash.old_hash.clear();
  RefChange truncated = moved(kMain);
  truncated.truncated = true;
  for (const Case& c : std::vector<Case>{
           {"commits on the branch", app, moved(kMain), kOpen, false, Files::kYes},
           {"more commits than are listed", app, truncated, kOpen, false, Files::kYes},
           {"a forced push", app, forced(moved(kMain)), kAffected, false, Files::kNo},
           {"a new branch", app, created(kMain), kAffected, false, Files::kNo},
           {"a deleted branch", app, deleted(kMain), kAffected, false, Files::kNo},
           {"nowhere moved", app, same, kAffected, false, Files::kNo},
           {"unknown commit", app, no_hash, kAffected, false, Files::kNo},
           {"unknown old commit", app, no_old_hash, kAffected, false, Files::kNo},
           {"an invalid pattern", subscription("main", {"apps", "glob:["}), moved(kMain), kAffected,
            false, Files::kNo},
           {"no paths", subscription("main", {}), moved(kMain), kAffected, false, Files::kNo},
           {"any branch", any, moved(kOther), kOpen, true, Files::kNo},
           {"any branch, new", any, created(kOther), kOpen, true, Files::kNo},
           {"any branch, gone", any, deleted(kOther), kOpen, true, Files::kNo},
           {"any branch and paths", any_app, moved(kOther), kOpen, true, Files::kIfDefaultBranch},
           {"any branch and paths, forced", any_app, forced(moved(kOther)), kOpen, true,
            Files::kNo},
           {"a new tag", tags, created(kTag), kOpen, false, Files::kYes},
           {"a forced tag", tags, forced(created(kTag)), kAffected, false, Files::kNo},
           {"a moved tag", tags, tag_that_moves, kAffected, false, Files::kNo},
           {"a deleted tag", tags, deleted(kTag), kAffected, false, Files::kNo},
           {"an unknown strategy", with_strategy(app, "Latest"), moved(kMain), kAffected, false,
            Files::kNo},
       }) {
    CAPTURE(c.what);
    const Result result = judge({c.subscription}, {c.change});
    CHECK(result.judgement == c.judgement);
    CHECK(result.inquiry.default_branch == c.default_branch);
    REQUIRE(result.inquiry.files.size() == 1);
    CHECK(result.inquiry.files[0] == c.files);
    CHECK(result.inquiry.empty() == (c.judgement != kOpen));
  }
}

TEST_CASE("a push is spared only if no commit changes a file that counts") {
  struct Case {
    std::string what;
    git::Subscription subscription;
    RefChange change;
    Findings findings;
    Judgement judgement;
  };
  const auto app = subscription("main", {"apps/web"});
  const auto but_docs = subscription("main", {}, {"docs"});
  const auto any = subscription("", {});
  const auto any_app = subscription("", {"apps/web"});
  const auto tags = with_strategy(app, "NewestTag");
  using enum Judgement;
  for (const Case& c : std::vector<Case>{
           {"one file", app, moved(kMain), found({{{"apps/web/main.go"}}}), kAffected},
           {"another folder", app, moved(kMain), found({{{"apps/webber/x", "README"}}}), kSpared},
           {"the last of many commits", app, moved(kMain),
            found({{{"README"}, {"docs/a"}, {"x", "apps/web/y"}}}), kAffected},
           {"none of many commits", app, moved(kMain), found({{{"README"}, {"docs/a"}}}), kSpared},
           {"excluded", but_docs, moved(kMain), found({{{"docs/a", "docs/b"}}}), kSpared},
           {"one not excluded", but_docs, moved(kMain), found({{{"docs/a", "b"}}}), kAffected},
           {"no answer", app, moved(kMain), found({{}}), kAffected},
           {"an empty answer", app, moved(kMain), found({{{}}}), kAffected},
           {"an empty answer among others", app, moved(kMain), found({{{"README"}, {}}}),
            kAffected},
           {"a path that was no UTF-8", app, moved(kMain), found({{{"docs/\xEF\xBF\xBD"}}}),
            kAffected},
           {"a quoted name that a pattern means", subscription("main", {"glob:*\\\\303\\\\251*"}),
            moved(kMain), found({{{"caf\xC3\xA9"}}}), kAffected},
           {"the default branch", any, moved(kMain), found({{}}, kMain), kAffected},
           {"another branch", any, moved(kOther), found({{}}, kMain), kSpared},
           {"a new branch that is another", any, created(kOther), found({{}}, kMain), kSpared},
           {"a default branch that nobody tells", any, moved(kOther), found({{}}), kAffected},
           {"a branch of another letter case", any, moved("refs/heads/Main"), found({{}}, kMain),
            kSpared},
           {"the default branch, other files", any_app, moved(kMain), found({{{"README"}}}, kMain),
            kSpared},
           {"the default branch, these files", any_app, moved(kMain),
            found({{{"apps/web/x"}}}, kMain), kAffected},
           {"the default branch, forced", any_app, forced(moved(kMain)), found({{}}, kMain),
            kAffected},
           {"another branch, these files", any_app, moved(kOther), found({{{"apps/web/x"}}}, kMain),
            kSpared},
           {"perhaps the default branch, other files", any_app, moved(kOther),
            found({{{"README"}}}), kSpared},
           {"perhaps the default branch, these files", any_app, moved(kOther),
            found({{{"apps/web/x"}}}), kAffected},
           {"a tag of other files", tags, created(kTag), found({{{"README"}}}), kSpared},
           {"a tag of these files", tags, created(kTag), found({{{"apps/web/x"}}}), kAffected},
           {"a tag that is forced", tags, forced(created(kTag)), found({{{"README"}}}), kAffected},
       }) {
    CAPTURE(c.what);
    CHECK(judge({c.subscription}, {c.change}, c.findings).judgement == c.judgement);
  }
  auto unknown = found({{{"README"}}});
  unknown.refs[0].files[0] = nullptr;
  CHECK(judge({app}, {moved(kMain)}, unknown).judgement == kAffected);
}

TEST_CASE("every subscription and every ref must spare it") {
  const auto web = subscription("main", {"apps/web"});
  const auto api = subscription("main", {"apps/api"});
  const auto release = subscription("release", {"apps/web"});
  using enum Judgement;
  const auto push = {moved(kMain), moved("refs/heads/release"), moved(kOther)};
  CHECK(judge({web, api}, {moved(kMain)}, found({{{"apps/api/x"}}})).judgement == kAffected);
  CHECK(judge({web, api}, {moved(kMain)}, found({{{"docs"}}})).judgement == kSpared);
  CHECK(judge({web, release}, push, found({{{"docs"}}, {{"apps/web"}}, {{}}})).judgement ==
        kAffected);
  CHECK(judge({web, release}, push, found({{{"docs"}}, {{"docs"}}, {}})).judgement == kSpared);
  // The third ref needs no answer.
  CHECK(judge({web, release}, push).inquiry.files ==
        std::vector{Files::kYes, Files::kYes, Files::kNo});
  // A Warehouse that is certainly affected asks nothing for its other subscriptions.
  const Result certain = judge({web, subscription("main", {})}, {moved(kMain)});
  CHECK(certain.judgement == kAffected);
  CHECK(certain.inquiry.empty());
  // A subscription to another repository does not count.
  auto elsewhere = subscription("main", {});
  elsewhere.repo_url = "https://bitbucket.org/orchard/nuts";
  CHECK(judge({web, elsewhere}, {moved(kMain)}, found({{{"docs"}}})).judgement == kSpared);
}

TEST_CASE("files of a ref that somebody needs anyway are not asked for on a condition") {
  const Result result = judge({subscription("", {"apps"}), subscription("main", {"docs"})},
                              {moved(kMain), moved(kOther)});
  CHECK(result.inquiry.default_branch);
  CHECK(result.inquiry.files == std::vector{Files::kYes, Files::kIfDefaultBranch});
}

TEST_CASE("a push without known refs, or of too many, spares nothing") {
  const auto app = subscription("main", {"apps"});
  CHECK(judge({app}, {}).judgement == Judgement::kAffected);
  const std::vector<RefChange> many(kMaxJudgedRefs + 1, moved(kOther));
  CHECK(judge({subscription("", {})}, many).judgement == Judgement::kAffected);
  const std::vector<RefChange> most(kMaxJudgedRefs, moved(kOther));
  CHECK(judge({subscription("", {})}, most).judgement == Judgement::kOpen);
}

TEST_CASE("judging ends when it takes too long, and then refreshes") {
  const auto app = subscription("main", {"apps"});
  int files = 0;
  const auto enough = [&files] { return ++files > 2; };
  const auto two = found({{{"docs/a", "docs/b"}}});
  CHECK(judge({app}, {moved(kMain)}, two, enough).judgement == Judgement::kSpared);
  const auto one_more = found({{{"docs/a"}}});
  CHECK(judge({app}, {moved(kMain)}, one_more, enough).judgement == Judgement::kAffected);
}

TEST_CASE("the payload may tell which commits a push has brought") {
  const auto a = hash('a');
  const auto b = hash('b');
  const auto c = hash('c');
  const std::vector<Commit> known{{b, c}, {c, a}, {hash('d'), ""}};
  using Steps = std::vector<Commit>;
  CHECK(steps_of(moved(kMain), known) == Steps{{b, c}, {c, a}});
  CHECK(steps_of({.ref = kMain, .old_hash = c, .new_hash = b}, known) == Steps{{b, c}});
  CHECK(steps_of({.ref = kMain, .old_hash = hash('e'), .new_hash = b}, known) == std::nullopt);
  CHECK(steps_of(moved(kMain), std::span(known).first(1)) == std::nullopt);
  CHECK(steps_of(created(kTag), known) == Steps{{b, c}});
  CHECK(steps_of(created(kTag), std::span(known).subspan(1)) == std::nullopt);
}

}  // namespace receiver::webhook
