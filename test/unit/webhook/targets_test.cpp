#include "webhook/targets.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "test/support/stores.h"

namespace receiver::webhook {

using test::Stores;

namespace {

using Names = std::vector<std::string>;

Names names_of(const std::vector<controllers::Target>& targets, controllers::TargetKind kind) {
  Names names;
  for (const auto& target : targets) {
    CHECK(target.kind == kind);
    names.push_back(target.key.str());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Names pushed(const Stores& stores, const Names& urls, const Names& refs,
             const std::string& project) {
  return names_of(targets_of(bitbucket::Push{urls, refs}, project, stores.warehouses),
                  controllers::TargetKind::kWarehouse);
}

Names ended(const Stores& stores, const Names& urls, const std::string& project) {
  return names_of(targets_of(bitbucket::PullRequest{urls}, project, stores.promotions),
                  controllers::TargetKind::kPromotion);
}

std::string git(const std::string& url, const std::string& more = "") {
  return R"("repoURL":")" + url + '"' + more;
}

const std::string kFruit = "https://bitbucket.org/orchard/fruit";
const std::string kNuts = "https://bitbucket.org/orchard/nuts";

}  // namespace

TEST_CASE("a Warehouse is indexed once per repository, a Promotion once per pull request") {
  api::Warehouse warehouse{{"ns", "w"}, {}};
  for (const std::string& url : {kFruit, kFruit + ".git", kNuts, std::string()}) {
    git::Subscription subscription;
    subscription.repo_url = url;
    warehouse.subscriptions.push_back(subscription);
  }
  CHECK(warehouse_index_keys(warehouse) ==
        Names{"bitbucket.org/orchard/fruit\nns\n", "bitbucket.org/orchard/nuts\nns\n"});
  CHECK(promotion_index_keys({{"ns", "p"}, {"HTTPS://H/pull/1", "https://h/pull/1/", ""}}) ==
        Names{"https://h/pull/1\nns\n"});
  CHECK(promotion_index_keys({{"ns", "finished"}, {}}).empty());
}

TEST_CASE("an object that a delivery is not for says why not") {
  Stores stores;
  stores.warehouse({"p", "dev"}, {git(kFruit, R"(,"branch":"dev")"), git(kNuts)});
  stores.warehouse({"p", "none"}, {});
  const api::Warehouse dev = *stores.warehouses.get({"p", "dev"});
  const api::Warehouse none = *stores.warehouses.get({"p", "none"});
  const auto push = [](const std::string& url, const std::string& ref) {
    return bitbucket::Push{{url}, {ref}};
  };
  CHECK(judge(push(kFruit, "refs/heads/dev"), dev) == Verdict::kTarget);
  CHECK(judge(push(kFruit, "refs/heads/main"), dev) == Verdict::kOtherRefs);
  CHECK(judge(push(kNuts, "refs/heads/main"), dev) == Verdict::kTarget);
  CHECK(judge(push(kFruit + "s", "refs/heads/dev"), dev) == Verdict::kOther);
  CHECK(judge(push(kFruit, "refs/heads/dev"), none) == Verdict::kSubscribesToNothing);

  const std::string url = "https://bitbucket.org/orchard/fruit/pull-requests/7";
  CHECK(judge(bitbucket::PullRequest{{url + "/"}}, {{"p", "w"}, {url}}) == Verdict::kTarget);
  CHECK(judge(bitbucket::PullRequest{{url + "1"}}, {{"p", "w"}, {url}}) == Verdict::kOther);
  // A Promotion may wait for several: the end of one is enough.
  CHECK(judge(bitbucket::PullRequest{{url}}, {{"p", "w"}, {url, url + "1"}}) == Verdict::kTarget);
  CHECK(judge(bitbucket::PullRequest{{url}}, {{"p", "w"}, {url + "1", url}}) == Verdict::kTarget);
  CHECK(judge(bitbucket::PullRequest{{url}}, {{"p", "w"}, {}}) == Verdict::kSubscribesToNothing);
  CHECK(judge(bitbucket::PullRequest{{""}}, {{"p", "w"}, {""}}) == Verdict::kOther);
}

TEST_CASE("a push refreshes the Warehouses of the receiver's project that subscribe to it") {
  Stores stores;
  stores.warehouse({"apples", "main"}, {git(kFruit, R"(,"branch":"main")")});
  stores.warehouse({"apples", "any"}, {git("git@bitbucket.org:Orchard/Fruit.git")});
  stores.warehouse({"apples", "dev"}, {git(kFruit, R"(,"branch":"dev")")});
  stores.warehouse({"apples", "nuts"}, {git(kNuts)});
  stores.warehouse({"apples", "none"}, {});
  stores.warehouse({"pears", "main"}, {git(kFruit, R"(,"branch":"main")")});
  stores.warehouse({"apples-2", "main"}, {git(kFruit)});

  const Names main{"refs/heads/main"};
  CHECK(pushed(stores, {kFruit}, main, "apples") == Names{"apples/any", "apples/main"});
  CHECK(pushed(stores, {kFruit}, {"refs/heads/dev", "refs/heads/main"}, "apples") ==
        Names{"apples/any", "apples/dev", "apples/main"});
  CHECK(pushed(stores, {kFruit}, {"refs/tags/v1"}, "apples").empty());
  CHECK(pushed(stores, {kFruit}, main, "pears") == Names{"pears/main"});
  CHECK(pushed(stores, {kFruit}, main, "cherries").empty());
  CHECK(pushed(stores, {kFruit + "s"}, main, "apples").empty());
  CHECK(pushed(stores, {"https://bitbucket.org/orchard/frui"}, main, "apples").empty());

  SECTION("no refs: all that subscribe") {
    CHECK(pushed(stores, {kFruit}, {}, "apples") ==
          Names{"apples/any", "apples/dev", "apples/main"});
  }
  SECTION("no project: every namespace") {
    CHECK(pushed(stores, {kFruit}, main, "") ==
          Names{"apples-2/main", "apples/any", "apples/main", "pears/main"});
  }
  SECTION("no repository, or none that a URL names: nothing") {
    CHECK(pushed(stores, {}, main, "").empty());
    CHECK(pushed(stores, {"", "x"}, {}, "").empty());
  }
}

TEST_CASE("a repository that is named by several URLs refreshes a Warehouse once") {
  Stores stores;
  stores.warehouse({"apples", "http"}, {git("https://git.example/scm/orch/fruit.git")});
  stores.warehouse({"apples", "both"}, {git("https://git.example/scm/orch/fruit"),
                                        git("ssh://git@git.example:7999/orch/fruit.git")});
  for (const char* name : {"an-ssh", "ssh"}) {
    stores.warehouse({"apples", name}, {git("ssh://git@git.example:7999/orch/fruit.git")});
  }
  const Names urls{"ssh://git@git.example:7999/orch/fruit.git",
                   "https://git.example/scm/orch/fruit.git",
                   "https://git.example/scm/ORCH/fruit.git"};
  CHECK(pushed(stores, urls, {}, "apples") ==
        Names{"apples/an-ssh", "apples/both", "apples/http", "apples/ssh"});
}

TEST_CASE("only the subscriptions to the pushed repository decide") {
  Stores stores;
  stores.warehouse({"apples", "mixed"},
                   {git(kFruit, R"(,"branch":"dev")"), git(kNuts, R"(,"branch":"main")")});
  CHECK(pushed(stores, {kFruit}, {"refs/heads/main"}, "apples").empty());
  CHECK(pushed(stores, {kFruit}, {"refs/heads/dev"}, "apples") == Names{"apples/mixed"});
  CHECK(pushed(stores, {kNuts}, {"refs/heads/main"}, "apples") == Names{"apples/mixed"});
}

TEST_CASE("one of several subscriptions to a repository is enough") {
  Stores stores;
  stores.warehouse({"apples", "two"}, {git(kFruit, R"(,"branch":"dev")"),
                                       git(kFruit, R"(,"commitSelectionStrategy":"Lexical")")});
  CHECK(pushed(stores, {kFruit}, {"refs/heads/dev"}, "apples") == Names{"apples/two"});
  CHECK(pushed(stores, {kFruit}, {"refs/tags/x"}, "apples") == Names{"apples/two"});
  CHECK(pushed(stores, {kFruit}, {"refs/heads/main"}, "apples").empty());
}

TEST_CASE("a pattern that cannot be read counts as affected and stops no other Warehouse") {
  Stores stores;
  const std::string tags = R"(,"commitSelectionStrategy":"Lexical","allowTagsRegexes":)";
  stores.warehouse({"apples", "broken"}, {git(kFruit, tags + R"(["("])")});
  stores.warehouse({"apples", "v"}, {git(kFruit, tags + R"(["^v"])")});
  stores.warehouse({"apples", "w"}, {git(kFruit, tags + R"(["^w"])")});
  CHECK(pushed(stores, {kFruit}, {"refs/tags/v1"}, "apples") == Names{"apples/broken", "apples/v"});
}

TEST_CASE("a Warehouse that changes or goes is found as it is now") {
  Stores stores;
  stores.warehouse({"apples", "w"}, {git(kFruit)});
  stores.warehouse({"apples", "w"}, {git(kNuts)});
  CHECK(pushed(stores, {kFruit}, {}, "apples").empty());
  CHECK(pushed(stores, {kNuts}, {}, "apples") == Names{"apples/w"});
  stores.warehouses.remove({"apples", "w"});
  CHECK(pushed(stores, {kNuts}, {}, "apples").empty());
}

TEST_CASE("a URL that holds the index's separator reaches no other namespace or repository") {
  Stores stores;
  stores.warehouse({"pears", "w"}, {git(kFruit + "%0Aapples%0Ax")});
  CHECK(pushed(stores, {kFruit}, {}, "apples").empty());
  CHECK(pushed(stores, {kFruit}, {}, "").empty());
  stores.promotion({"pears", "p"}, R"(https://h/pull/1\napples\nx)");
  CHECK(ended(stores, {"https://h/pull/1"}, "apples").empty());
  CHECK(ended(stores, {"https://h/pull/1"}, "").empty());
}

TEST_CASE("the end of a pull request refreshes the running Promotions that wait for it") {
  Stores stores;
  const std::string url = "https://bitbucket.org/orchard/fruit/pull-requests/7";
  stores.promotion({"apples", "waits"}, url);
  stores.promotion({"apples", "waits-too"},
                   "HTTPS://Bitbucket.org/orchard/fruit/pull-requests/7/overview");
  stores.promotion({"apples", "other"}, url + "1");
  stores.promotion({"apples", "done"}, url, "Succeeded");
  stores.promotion({"apples", "no-url"}, "");
  stores.promotion({"pears", "waits"}, url);

  CHECK(ended(stores, {url}, "apples") == Names{"apples/waits", "apples/waits-too"});
  CHECK(ended(stores, {url + "/", url + "/diff"}, "apples") ==
        Names{"apples/waits", "apples/waits-too"});
  CHECK(ended(stores, {url}, "") == Names{"apples/waits", "apples/waits-too", "pears/waits"});
  CHECK(ended(stores, {url}, "cherries").empty());
  CHECK(ended(stores, {"", "/"}, "").empty());

  stores.promotion({"apples", "waits"}, url, "Succeeded");
  CHECK(ended(stores, {url}, "apples") == Names{"apples/waits-too"});
}

TEST_CASE("what a project's deliveries can reach is what subscribes or waits in it") {
  Stores stores;
  stores.warehouse({"apples", "w"}, {git(kFruit)});
  stores.warehouse({"apples", "no-git"}, {});
  stores.warehouse({"pears", "w"}, {git(kFruit)});
  stores.promotion({"apples", "waits"}, "https://h/pull/1");
  stores.promotion({"apples", "done"}, "https://h/pull/1", "Succeeded");
  stores.promotion({"plums", "waits"}, "https://h/pull/1");
  const auto reached = [&stores](const std::set<std::string>& projects) {
    Names names;
    for (const auto& target : reachable_targets(projects, stores.warehouses, stores.promotions)) {
      const bool warehouse = target.kind == controllers::TargetKind::kWarehouse;
      names.push_back((warehouse ? "warehouse " : "promotion ") + target.key.str());
    }
    std::sort(names.begin(), names.end());
    return names;
  };
  CHECK(reached({}).empty());
  CHECK(reached({"apples"}) == Names{"promotion apples/waits", "warehouse apples/w"});
  CHECK(reached({"pears", "plums"}) == Names{"promotion plums/waits", "warehouse pears/w"});
  CHECK(reached({"", "pears"}) == Names{"promotion apples/waits", "promotion plums/waits",
                                        "warehouse apples/w", "warehouse pears/w"});
}

TEST_CASE(
    "of what a push is for, that is open which an answer of the receiver's Bitbucket may spare") {
  Stores stores;
  const std::string apps = R"(,"branch":"main","includePaths":["apps"])";
  const std::string tags = R"(,"commitSelectionStrategy":"NewestTag","includePaths":["apps"])";
  stores.warehouse({"p", "paths"}, {git(kFruit, apps)});
  stores.warehouse({"p", "excluded"}, {git(kFruit, R"(,"branch":"main","excludePaths":["docs"])")});
  stores.warehouse({"p", "by-ssh"}, {git("git@bitbucket.org:orchard/fruit.git", apps)});
  stores.warehouse({"p", "any-branch"}, {git(kFruit)});
  stores.warehouse({"p", "plain"}, {git(kFruit, R"(,"branch":"main")")});
  stores.warehouse({"p", "both"}, {git(kFruit, apps), git(kFruit, R"(,"branch":"main")")});
  stores.warehouse({"p", "other-branch"}, {git(kFruit, apps), git(kFruit, R"(,"branch":"dev")")});
  stores.warehouse({"p", "other-repository"},
                   {git(kFruit, apps), git(kNuts, R"(,"branch":"main")")});
  stores.warehouse({"p", "tags"}, {git(kFruit, tags)});
  stores.warehouse({"q", "paths"}, {git(kFruit, apps)});
  const auto split = [&](const controllers::BitbucketAccess& access, const Names& urls,
                         const Names& refs) {
    const auto found =
        split_targets_of(bitbucket::Push{urls, refs}, "p", stores.warehouses, access);
    CHECK(found.repository.has_value() == !found.open.empty());
    std::vector<controllers::Target> open;
    for (const OpenTarget& one : found.open) {
      CHECK(one.warehouse->key == one.target.key);
      open.push_back(one.target);
    }
    auto all = found.certain;
    all.insert(all.end(), open.begin(), open.end());
    CHECK(names_of(all, controllers::TargetKind::kWarehouse) == pushed(stores, urls, refs, "p"));
    return names_of(open, controllers::TargetKind::kWarehouse);
  };
  controllers::BitbucketAccess cloud;
  cloud.server = bitbucket_rest::kCloudApi;
  const Names open{"p/any-branch",   "p/by-ssh",           "p/excluded",
                   "p/other-branch", "p/other-repository", "p/paths"};
  CHECK(split(cloud, {kFruit}, {"refs/heads/main"}) == open);
  CHECK(split(cloud, {kFruit}, {"refs/heads/x"}) == Names{"p/any-branch"});
  CHECK(split(cloud, {kFruit}, {"refs/tags/v1"}) == Names{"p/tags"});
  CHECK(split(cloud, {kFruit}, {}).empty());
  // For a payload with two repositories, one answer could decide for the other.
  CHECK(split(cloud, {kFruit, kNuts}, {"refs/heads/main"}).size() == open.size() - 1);
  // Repositories that are not on the receiver's own Bitbucket cause no question.
  controllers::BitbucketAccess center;
  center.product = bitbucket::Source::kDataCenter;
  center.server = "https://git.example.com";
  CHECK(split(center, {kFruit}, {"refs/heads/main"}).empty());
}

}  // namespace receiver::webhook
