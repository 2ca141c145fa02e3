#include <set>

#include <catch2/catch.hpp>

#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"

namespace receiver::test {

namespace {

void merge_until_refreshed(const std::string& url, const Delivery& delivery) {
  eventually_equals(
      "the operator has seen the Promotion", [&] { return text_of(post(url, delivery)); },
      std::string("200 {\"msg\":\"refreshed 1 promotion(s)\"}\n"));
}

}  // namespace

TEST_CASE("a merged pull request refreshes the running Promotion that waits for it",
          "[pull_request]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const Project other_project(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  const std::string cloud = project.repository() + "/pull-requests/7";
  const std::string data_center =
      "https://git.example.com/projects/ORCH/repos/" + project.name() + "/pull-requests/7";
  project.add_promotion("waits", cloud);
  project.add_promotion("waits-data-center", data_center);
  project.add_promotion("finished", cloud, "Succeeded");
  project.add_promotion("another-pull-request", project.repository() + "/pull-requests/77");
  other_project.add_promotion("in-another-project", cloud);

  merge_until_refreshed(url, sign(cloud_merge(cloud), kSecret));
  merge_until_refreshed(url, sign(data_center_merge(data_center + "/overview"), kSecret));
  CHECK_FALSE(refresh_of(project.promotion("waits")).empty());
  CHECK_FALSE(refresh_of(project.promotion("waits-data-center")).empty());
  CHECK(refresh_of(project.promotion("finished")).empty());
  CHECK(refresh_of(project.promotion("another-pull-request")).empty());
  CHECK(refresh_of(other_project.promotion("in-another-project")).empty());

  cluster.admin().merge_patch(project.collection("promotions") + "/waits/status",
                              R"({"status": {"phase": "Succeeded"}})");
  eventually_equals(
      "a Promotion that has finished is left alone",
      [&] { return text_of(post(url, sign(cloud_merge(cloud), kSecret))); },
      std::string("200 {\"msg\":\"refreshed 0 promotion(s)\"}\n"));
}

TEST_CASE("recorded merges of both products refresh the Promotion that waits", "[pull_request]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  struct Recorded {
    const char* event;
    const char* file;
    const char* pointer;
  };
  const char* cloud = "/pullrequest/links/html/href";
  const char* data_center = "/pullRequest/links/self/0/href";
  std::set<std::string> pull_requests;
  for (const auto& [event, file, pointer] :
       {Recorded{"pullrequest:fulfilled", "cloud/pull_request_fulfilled.json", cloud},
        Recorded{"pullrequest:rejected", "cloud/pull_request_rejected.json", cloud},
        Recorded{"pr:merged", "data_center/pull_request_merged.json", data_center},
        Recorded{"pr:merged", "data_center/pull_request_merged_10.json", data_center},
        Recorded{"pr:declined", "data_center/pull_request_declined.json", data_center},
        Recorded{"pr:deleted", "data_center/pull_request_deleted.json", data_center}}) {
    INFO(file);
    const Delivery delivery = recorded(event, file);
    const std::string pull_request = Json(delivery.body).at(pointer);
    REQUIRE_FALSE(pull_request.empty());
    if (pull_requests.insert(pull_request).second) {
      project.add_promotion("waits-" + std::to_string(pull_requests.size()), pull_request);
    }
    merge_until_refreshed(url, sign(delivery, kSecret));
  }
}

}  // namespace receiver::test
