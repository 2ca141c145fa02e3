#include "cmd/receiverctl/matching.h"

#include <algorithm>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "test/support/stores.h"

namespace receiver::ctl {
namespace {

const std::string kFruit = "https://bitbucket.org/orchard/fruit";
const std::string kNuts = "https://keeper:token@bitbucket.org/orchard/nuts";

std::string git(const std::string& url, const std::string& more = "") {
  return R"("repoURL":")" + url + '"' + more;
}

/// `yes|no NAME: BECAUSE`, one per line.
std::string text_of(const std::vector<Match>& matches) {
  std::string text;
  for (const Match& match : matches) {
    text += (match.is_target() ? "yes " : "no ") + name_of(match.object) + ": " + match.why + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("a selection is told in words") {
  using git::Strategy;
  const auto subscription = [](Strategy strategy, std::string branch, std::string constraint) {
    git::Subscription made;
    made.strategy = strategy;
    made.branch = std::move(branch);
    made.semver_constraint = std::move(constraint);
    return made;
  };
  CHECK(selection_of(subscription(Strategy::kNewestFromBranch, "", "")) == "any branch");
  CHECK(selection_of(subscription(Strategy::kNewestFromBranch, "main", "")) == "branch main");
  CHECK(selection_of(subscription(Strategy::kNewestTag, "", "")) == "tags");
  CHECK(selection_of(subscription(Strategy::kSemVer, "", "")) == "versions");
  CHECK(selection_of(subscription(Strategy::kSemVer, "", "^1.2")) == "versions that meet ^1.2");
  CHECK(selection_of(subscription(Strategy::kUnknown, "", "")) ==
        "anything: its strategy is unknown here");
  git::Subscription tags = subscription(Strategy::kLexical, "", "");
  tags.allow_tags_regexes = {"^v", "^r"};
  tags.ignore_tags_regexes = {"-rc"};
  CHECK(selection_of(tags) == "tags that match ^v, ^r but not -rc");
}

TEST_CASE("for a push, every Warehouse of the project is shown with the reason") {
  test::Stores stores;
  stores.warehouse({"apples", "any"}, {git(kFruit)});
  stores.warehouse({"apples", "dev"}, {git(kFruit, R"(,"branch":"dev")")});
  stores.warehouse({"apples", "nuts"}, {git(kNuts)});
  stores.warehouse({"apples", "none"}, {});
  stores.warehouse({"pears", "any"}, {git(kFruit), git(kNuts)});
  const bitbucket::Push push{{kFruit + ".git"}, {"refs/heads/main"}};

  CHECK(text_of(matches(push, "apples", stores.warehouses)) ==
        "yes Warehouse apples/any: it subscribes to https://bitbucket.org/orchard/fruit, any "
        "branch\n"
        "no Warehouse apples/dev: it subscribes to other refs: "
        "https://bitbucket.org/orchard/fruit, branch dev\n"
        "no Warehouse apples/none: it has no Git subscription\n"
        "no Warehouse apples/nuts: it subscribes to other repositories: "
        "https://bitbucket.org/orchard/nuts\n");
  const auto everywhere = matches(push, "", stores.warehouses);
  CHECK(everywhere.size() == 5);
  CHECK(targets_among(everywhere) == webhook::targets_of(push, "", stores.warehouses));
}

TEST_CASE("a selection of files is told in words, and whether its patterns are wrong") {
  const auto selection = [](git::PathRules::Texts include, git::PathRules::Texts exclude) {
    git::Subscription made;
    made.branch = "main";
    made.paths = {std::move(include), std::move(exclude)};
    return selection_of(made);
  };
  CHECK(selection({"apps/web", "glob:libs/**"}, {}) == "branch main, files apps/web, glob:libs/**");
  CHECK(selection({"apps/web"}, {"regex:[.]md$"}) ==
        "branch main, files apps/web but not regex:[.]md$");
  CHECK(selection({}, {"docs"}) == "branch main, all files but not docs");
  CHECK_THAT(selection({"apps/web", "regex:("}, {}),
             Catch::StartsWith("branch main, all files, since includePaths[1]: "));
}

TEST_CASE("of a push whose files are known, Warehouses that select none of them are spared") {
  test::Stores stores;
  stores.warehouse({"apples", "all"}, {git(kFruit)});
  stores.warehouse({"apples", "web"}, {git(kFruit, R"(,"includePaths":["apps/web"])")});
  stores.warehouse({"apples", "api"}, {git(kFruit, R"(,"includePaths":["apps/api"])")});
  stores.warehouse({"apples", "both"}, {git(kFruit, R"(,"includePaths":["apps/api"])"),
                                        git(kFruit, R"(,"excludePaths":["docs"])")});
  const bitbucket::Push push{{kFruit}, {"refs/heads/main"}};
  const auto refreshed = [&](const ChangedFiles& changed) {
    std::set<std::string> names;
    for (const auto& target : targets_among(matches(push, "apples", stores.warehouses, changed))) {
      names.insert(target.key.name);
    }
    return names;
  };
  using Names = std::set<std::string>;
  CHECK(refreshed({}) == Names{"all", "api", "both", "web"});
  CHECK(refreshed({{"apps/web/main.go", "docs/index.md"}}) == Names{"all", "both", "web"});
  CHECK(refreshed({{"docs/index.md"}}) == Names{"all"});
  CHECK_THAT(text_of(matches(push, "apples", stores.warehouses, {{"docs/index.md"}})),
             Catch::Contains("no Warehouse apples/api: it subscribes to other files: "
                             "https://bitbucket.org/orchard/fruit, any branch, files apps/api\n"));
}

TEST_CASE("for a pull request, the Promotions that wait for one are shown") {
  test::Stores stores;
  const std::string url = "https://bitbucket.org/orchard/fruit/pull-requests/";
  stores.promotion({"apples", "seventh"}, url + "7");
  stores.promotion({"apples", "eighth"}, url + "8");
  stores.promotion({"apples", "finished"}, url + "7", "Succeeded");
  stores.promotion({"pears", "seventh"}, url + "7");
  CHECK(text_of(matches(bitbucket::PullRequest{{url + "7/overview"}}, "apples",
                        stores.promotions)) == "yes Promotion apples/seventh: it waits for " + url +
                                                   "7\n"
                                                   "no Promotion apples/eighth: it waits for " +
                                                   url + "8\n");
}

TEST_CASE("long lists of subscriptions are cut") {
  test::Stores stores;
  std::vector<std::string> subscriptions;
  for (int number = 1; number <= 7; ++number) {
    subscriptions.push_back(git("https://h/x/" + std::to_string(number)));
  }
  stores.warehouse({"p", "w"}, subscriptions);
  CHECK(text_of(matches(bitbucket::Push{{kFruit}, {}}, "p", stores.warehouses)) ==
        "no Warehouse p/w: it subscribes to other repositories: https://h/x/1, https://h/x/2, "
        "https://h/x/3, https://h/x/4, https://h/x/5 and 2 more\n");
}

TEST_CASE("Warehouses of other repositories are left out, those of other refs and files are not") {
  test::Stores stores;
  stores.warehouse({"apples", "any"}, {git(kFruit)});
  stores.warehouse({"apples", "dev"}, {git(kFruit, R"(,"branch":"dev")")});
  stores.warehouse({"apples", "docs"}, {git(kFruit, R"(,"includePaths":["docs"])")});
  stores.warehouse({"apples", "nuts"}, {git(kNuts)});
  stores.warehouse({"apples", "none"}, {});
  auto found = matches(bitbucket::Push{{kFruit}, {"refs/heads/main"}}, "apples", stores.warehouses,
                       {{"main.go"}});
  CHECK(leave_out_others(found) == 2);
  std::set<std::string> names;
  for (const Match& match : found) names.insert(match.object.key.name);
  CHECK(names == std::set<std::string>{"any", "dev", "docs"});
  CHECK(left_out_text(0).empty());
  CHECK(left_out_text(1) == "1 Warehouse subscribes to other repositories: --all shows it.\n");
  CHECK_THAT(left_out_text(2), Catch::StartsWith("2 Warehouses subscribe to other repositories"));
}

TEST_CASE("a terminal is shown the first rows of many, and told how many more there are") {
  std::vector<Match> many(kRowsOnTerminal + 3);
  for (Match& match : many) match.verdict = webhook::Verdict::kTarget;
  many.back().verdict = webhook::Verdict::kOther;
  const std::string shown = matches_table(many, {false, 80});
  CHECK(std::count(shown.begin(), shown.end(), '\n') == kRowsOnTerminal + 2);
  CHECK_THAT(shown, Catch::EndsWith("… and 3 more, 2 of them refreshed: -o json has all.\n"));
  const std::string all = matches_table(many, {});
  CHECK(std::count(all.begin(), all.end(), '\n') == kRowsOnTerminal + 4);
}

TEST_CASE("where nothing could be refreshed, a sentence says so") {
  CHECK(matches_table({}, false) == "There is nothing that it could refresh.\n");
}

}  // namespace receiver::ctl
