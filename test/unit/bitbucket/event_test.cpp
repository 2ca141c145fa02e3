#include "bitbucket/event.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace receiver::bitbucket {

TEST_CASE("an event's key tells the product it is from and what it calls for") {
  struct Case {
    std::string key;
    EventKind kind;
  };
  const std::vector<Case> cases{
      {"repo:push", {Source::kCloud, Action::kRefreshWarehouses}},
      {"repo:refs_changed", {Source::kDataCenter, Action::kRefreshWarehouses}},
      {"pullrequest:fulfilled", {Source::kCloud, Action::kRefreshPromotions}},
      {"pullrequest:rejected", {Source::kCloud, Action::kRefreshPromotions}},
      {"pr:merged", {Source::kDataCenter, Action::kRefreshPromotions}},
      {"pr:declined", {Source::kDataCenter, Action::kRefreshPromotions}},
      {"pr:deleted", {Source::kDataCenter, Action::kRefreshPromotions}},
  };
  for (const auto& [key, kind] : cases) {
    INFO(key);
    CHECK(event_kind(key) == kind);
  }
}

TEST_CASE("other events call for nothing") {
  const std::string key = GENERATE(
      values<std::string>({"", "diagnostics:ping", "repo:fork", "repo:updated", "repo:push ",
                           "Repo:Push", "pr:opened", "pr:from_ref_updated", "pullrequest:created",
                           "pullrequest:updated", "mirror:repo_synchronized", "issue:created"}));
  INFO(key);
  CHECK_FALSE(event_kind(key));
}

TEST_CASE("URLs of one pull request have one identity") {
  const std::string url = GENERATE(values<std::string>({
      "https://git.example.com/projects/ORCH/repos/fruit-basket/pull-requests/27",
      "HTTPS://Git.Example.COM/projects/ORCH/repos/fruit-basket/pull-requests/27",
      "https://git.example.com/projects/ORCH/repos/fruit-basket/pull-requests/27/",
      "https://git.example.com/projects/ORCH/repos/fruit-basket/pull-requests/27/overview",
      "https://git.example.com/projects/ORCH/repos/fruit-basket/pull-requests/27/overview/",
      "https://git.example.com/projects/ORCH/repos/fruit-basket/pull-requests/27/diff",
      "https://git.example.com/projects/ORCH/repos/fruit-basket/pull-requests/27/commits",
  }));
  INFO(url);
  CHECK(pull_request_identity(url) ==
        "https://git.example.com/projects/ORCH/repos/fruit-basket/pull-requests/27");
}

TEST_CASE("URLs of different pull requests have different identities") {
  const std::string url = GENERATE(values<std::string>({
      "https://git.example.com/projects/ORCH/repos/fruit-basket/pull-requests/2",
      "https://git.example.com/projects/ORCH/repos/fruit-basket/pull-requests/270",
      "https://git.example.com/projects/orch/repos/fruit-basket/pull-requests/27",
      "https://git.example.com/projects/ORCH/repos/fruit-basket/pull-requests/27/other",
      "https://git.example.com/projects/ORCH/repos/fruit-basket/pull-requests/27overview",
      "https://git.example.com:7990/projects/ORCH/repos/fruit-basket/pull-requests/27",
      "http://git.example.com/projects/ORCH/repos/fruit-basket/pull-requests/27",
      "git.example.com/projects/ORCH/repos/fruit-basket/pull-requests/27",
  }));
  INFO(url);
  CHECK(pull_request_identity(url) !=
        pull_request_identity(
            "https://git.example.com/projects/ORCH/repos/fruit-basket/pull-requests/27"));
  CHECK_FALSE(pull_request_identity(url).empty());
}

TEST_CASE("no URL, no pull request") {
  CHECK(pull_request_identity("").empty());
  CHECK(pull_request_identity("/").empty());
  CHECK(pull_request_identity("/overview/").empty());
  CHECK(pull_request_identity("https://h/" + std::string(1 << 20, 'a')).empty());
  CHECK(pull_request_identity(std::string(4096, 'a')) == std::string(4096, 'a'));
  CHECK(pull_request_identity(std::string(4097, 'a')).empty());
}

TEST_CASE("of a pull request's URL, one tab is cut off, and only the host's case is folded") {
  CHECK(pull_request_identity("https://H/A/27/diff/overview") == "https://h/A/27/diff");
  CHECK(pull_request_identity("H/A/27") == "H/A/27");
}

}  // namespace receiver::bitbucket
