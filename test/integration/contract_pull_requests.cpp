#include <fmt/format.h>

#include "test/integration/contract.h"

namespace receiver::test {
namespace {

constexpr const char* kWait = R"([{"uses": "git-wait-for-pr", "as": "wait"}])";
constexpr const char* kCloud27 =
    R"({"phase": "Running", "currentStep": 0, "state": {"wait": {"pr": {"id": 27,
        "url": "https://bitbucket.org/kargo-orchard/fruit-basket/pull-requests/27"}}}})";
constexpr const char* kDataCenter27 =
    R"({"phase": "Running", "currentStep": 0, "state": {"wait": {"pr": {"id": 27,
        "url": "https://git.orchard.example/projects/ORCH/repos/fruit-basket/pull-requests/27"}}}})";

}  // namespace

const std::vector<Waiting> kPromotions{
    {"cloud-27", kWait, kCloud27},
    {"cloud-27-overview", kWait,
     R"({"phase": "Running", "currentStep": 0, "state": {"wait": {"pr": {"id": 27,
         "url": "HTTPS://BitBucket.org/kargo-orchard/fruit-basket/pull-requests/27/overview"}}}})"},
    {"cloud-27-waited-for-earlier", R"([{"uses": "git-wait-for-pr", "as": "wait"}, {"uses": "x"}])",
     R"({"phase": "Running", "currentStep": 1, "state": {"wait": {"pr": {"id": 27,
         "url": "https://bitbucket.org/kargo-orchard/fruit-basket/pull-requests/27"}}}})"},
    {"cloud-28", kWait,
     R"({"phase": "Running", "currentStep": 0, "state": {"wait": {"pr": {"id": 28,
         "url": "https://bitbucket.org/kargo-orchard/fruit-basket/pull-requests/28"}}}})"},
    {"dc-27", kWait, kDataCenter27},
    {"dc-28", kWait,
     R"({"phase": "Running", "currentStep": 0, "state": {"wait": {"pr": {"id": 28,
         "url": "https://git.orchard.example/projects/ORCH/repos/fruit-basket/pull-requests/28"}}}})"},
    {"dc-29", kWait,
     R"({"phase": "Running", "currentStep": 0, "state": {"wait": {"pr": {"id": 29,
         "url": "https://git.orchard.example/projects/ORCH/repos/fruit-basket/pull-requests/29"}}}})"},
    {"dc-context-path", kWait,
     R"({"phase": "Running", "currentStep": 0, "state": {"wait": {"pr": {"id": 27, "url":
         "http://git.orchard.example:7990/bitbucket/projects/ORCH/repos/fruit-basket/pull-requests/27"}}}})"},
    {"dc-personal", kWait,
     R"({"phase": "Running", "currentStep": 0, "state": {"wait": {"pr": {"id": 3,
         "url": "https://git.orchard.example/users/grafter/repos/seedlings/pull-requests/3"}}}})"},
    // None of these waits for a pull request.
    {"finished", kWait,
     R"({"phase": "Succeeded", "currentStep": 0, "state": {"wait": {"pr": {"id": 27,
         "url": "https://bitbucket.org/kargo-orchard/fruit-basket/pull-requests/27"}}}})"},
    {"not-there-yet", R"([{"uses": "x"}, {"uses": "git-wait-for-pr", "as": "wait"}])", kCloud27},
    {"another-step", R"([{"uses": "git-open-pr", "as": "wait"}])", kCloud27},
    {"another-output", R"([{"uses": "git-wait-for-pr", "as": "other"}])", kCloud27},
    {"no-url-yet", kWait,
     R"({"phase": "Running", "currentStep": 0, "state": {"wait": {"pr": {"url": ""}}}})"},
    {"no-state-yet", kWait, R"({"phase": "Running", "currentStep": 0})"},
};

namespace {

const Names kCloud27Waiting = names("cloud-27 cloud-27-overview cloud-27-waited-for-earlier");

Case ended(std::string name, SentRequest sent, const Names& refreshed) {
  return {std::move(name), std::move(sent), refreshed_promotions(refreshed.size()), refreshed};
}

SentRequest cloud(const std::string& links) {
  return signed_delivery("pullrequest:fulfilled",
                         fmt::format(R"({{"pullrequest": {{"links": {}}}}})", links));
}

SentRequest cloud_url(const std::string& url) {
  return cloud(fmt::format(R"({{"html": {{"href": "{}"}}}})", url));
}

SentRequest data_center(const std::string& links) {
  return signed_delivery("pr:merged", fmt::format(R"({{"pullRequest": {{"links": {}}}}})", links));
}

constexpr Oddity kPullRequestLinksThatNameNothing[]{
    {"links null", "null"},
    {"links a string", R"("boom")"},
    {"html null", R"({"html": null})"},
    {"html a list of null", R"({"html": [null]})"},
    {"href a list", R"({"html": {"href": []}})"},
    {"href empty", R"({"html": {"href": ""}})"},
};

constexpr Oddity kDataCenterLinksThatNameNothing[]{
    {"links null", "null"},
    {"links a list", "[]"},
    {"self null", R"({"self": null})"},
    {"self a string", R"({"self": "boom"})"},
    {"self empty", R"({"self": []})"},
    {"href missing", R"({"self": [{}]})"},
    {"href a number", R"({"self": [{"href": 7}]})"},
};

}  // namespace

std::vector<Case> pull_requests() {
  const auto recorded = [](const char* event, const char* file) {
    return recorded_delivery(event, std::string(file) + ".json");
  };
  const std::string cloud_27 = "https://bitbucket.org/kargo-orchard/fruit-basket/pull-requests/27";
  const std::string dc_27 =
      R"({"href": "https://git.orchard.example/projects/ORCH/repos/fruit-basket/pull-requests/27"})";
  std::vector<Case> cases{
      ended("Cloud: merged", recorded("pullrequest:fulfilled", "cloud/pull_request_fulfilled"),
            kCloud27Waiting),
      ended("Cloud: declined", recorded("pullrequest:rejected", "cloud/pull_request_rejected"),
            names("cloud-28")),
      ended("Data Center: merged", recorded("pr:merged", "data_center/pull_request_merged"),
            names("dc-27")),
      ended("Data Center 10: merged, ISO dates",
            recorded("pr:merged", "data_center/pull_request_merged_10"), names("dc-27")),
      ended("Data Center: declined", recorded("pr:declined", "data_center/pull_request_declined"),
            names("dc-28")),
      ended("Data Center: deleted", recorded("pr:deleted", "data_center/pull_request_deleted"),
            names("dc-29")),
      ended("Data Center: context path and port",
            recorded("pr:merged", "data_center/pull_request_context_path"),
            names("dc-context-path")),
      ended("Data Center: of a personal repository",
            recorded("pr:merged", "data_center/pull_request_personal"), names("dc-personal")),
      ended("Data Center before 5.14: no links",
            recorded("pr:merged", "data_center/pull_request_5_13"), {}),
      ended("Data Center: a link null", recorded("pr:merged", "data_center/pull_request_null_link"),
            {}),
      ended("Data Center: a good link beside null",
            data_center(fmt::format(R"({{"self": [null, {}]}})", dc_27)), names("dc-27")),
      ended("Cloud: a slash at the end", cloud_url(cloud_27 + "/"), kCloud27Waiting),
      ended("Cloud: /overview", cloud_url(cloud_27 + "/overview"), kCloud27Waiting),
      ended("Cloud: /diff and a slash", cloud_url(cloud_27 + "/diff/"), kCloud27Waiting),
      ended("Cloud: /commits", cloud_url(cloud_27 + "/commits"), kCloud27Waiting),
      ended("Cloud: scheme and host in upper case",
            cloud_url("HTTPS://BITBUCKET.ORG/kargo-orchard/fruit-basket/pull-requests/27"),
            kCloud27Waiting),
      ended("Cloud: the case of the path counts",
            cloud_url("https://bitbucket.org/Kargo-Orchard/fruit-basket/pull-requests/27"), {}),
      ended("Cloud: a number that begins alike", cloud_url(cloud_27 + "1"), {}),
      ended("Cloud: another page of it", cloud_url(cloud_27 + "/activity"), {}),
      ended("Cloud: an empty object", signed_delivery("pullrequest:rejected", "{}"), {}),
      ended("Data Center: an empty object", signed_delivery("pr:deleted", "{}"), {}),
      ended("the header's event counts: Cloud's body said to be Data Center's",
            signed_delivery("pr:merged", cloud_url(cloud_27).body), {}),
  };
  for (const auto& [name, links] : kPullRequestLinksThatNameNothing) {
    cases.push_back(ended(std::string("Cloud: ") + name, cloud(links), {}));
  }
  for (const auto& [name, links] : kDataCenterLinksThatNameNothing) {
    cases.push_back(ended(std::string("Data Center: ") + name, data_center(links), {}));
  }
  return cases;
}

}  // namespace receiver::test
