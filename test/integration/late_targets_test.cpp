#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"

namespace receiver::test {

namespace {

constexpr const char* kLateRefreshes = "bitbucket_receiver_late_refreshes_total";
const std::string kNoWarehouse = "200 {\"msg\":\"refreshed 0 warehouse(s)\"}\n";
const std::string kNoPromotion = "200 {\"msg\":\"refreshed 0 promotion(s)\"}\n";

}  // namespace

TEST_CASE("a Warehouse that is made after the push is refreshed once it is seen",
          "[late_targets]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const Project other_project(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  const Delivery push = sign(cloud_push(project.repository(), "main"), kSecret);
  eventually_equals(
      "the receiver is served", [&] { return text_of(post(url, push)); }, kNoWarehouse);

  other_project.add_warehouse("of-another-project", project.repository());
  project.add_warehouse("of-another-branch", project.repository(), R"("branch": "stable")");
  project.add_warehouse("late", project.repository(), R"("branch": "main")");
  check_median({eventually("it is refreshed",
                           [&] { return !refresh_of(project.warehouse("late")).empty(); })},
               kPromptly);
  const std::string token = refresh_of(project.warehouse("late"));

  // Once a later object is refreshed, the operator has seen all of the above.
  project.add_warehouse("later", project.repository(), R"("branch": "main")");
  eventually("the later one is refreshed, too",
             [&] { return !refresh_of(project.warehouse("later")).empty(); });
  eventually_equals(
      "both were refreshed once", [&] { return op.metric(kLateRefreshes); }, 2.0);
  CHECK(refresh_of(project.warehouse("late")) == token);
  CHECK(refresh_of(project.warehouse("of-another-branch")).empty());
  CHECK(refresh_of(other_project.warehouse("of-another-project")).empty());
  CHECK(op.log().find("refreshing objects that appeared after a delivery that names them") !=
        std::string::npos);
}

TEST_CASE("Warehouses that are made while pushes arrive are all refreshed", "[late_targets]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  const auto push_to = [&](const std::string& slug) {
    return sign(cloud_push(project.repository(slug), "main"), kSecret);
  };
  eventually_equals(
      "the receiver is served", [&] { return text_of(post(url, push_to("none"))); }, kNoWarehouse);
  constexpr int kRounds = 30;
  for (int round = 0; round < kRounds; ++round) {
    const std::string name = fmt::format("w{}", round);
    auto answer = post_meanwhile(url, push_to(name));
    project.add_warehouse(name, project.repository(name));
    CHECK(answer.get().status == 200);
  }
  for (int round = 0; round < kRounds; ++round) {
    const std::string name = fmt::format("w{}", round);
    eventually(name + " is refreshed",
               [&] { return !refresh_of(project.warehouse(name)).empty(); });
  }
}

TEST_CASE("a Promotion whose pull request is seen after its merge is refreshed", "[late_targets]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  const std::string pull_request = project.repository() + "/pull-requests/7";
  project.add_promotion("waits", project.repository() + "/pull-requests/6");
  const std::string status = project.collection("promotions") + "/waits/status";
  cluster.admin().merge_patch(status, R"({"status": {"state": null}})");
  const Delivery merge = sign(cloud_merge(pull_request), kSecret);
  eventually_equals(
      "the receiver is served", [&] { return text_of(post(url, merge)); }, kNoPromotion);

  cluster.admin().merge_patch(
      status, fmt::format(R"({{"status": {{"state": {{"wait": {{"pr": {{"url": "{}"}}}}}}}}}})",
                          pull_request));
  check_median({eventually("it is refreshed",
                           [&] { return !refresh_of(project.promotion("waits")).empty(); })},
               kPromptly);
  eventually_equals(
      "once", [&] { return op.metric(kLateRefreshes); }, 1.0);
}

TEST_CASE("what is made while the watch is broken is refreshed when it is back", "[late_targets]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  const Delivery push = sign(cloud_push(project.repository(), "main"), kSecret);
  eventually_equals(
      "the receiver is served", [&] { return text_of(post(url, push)); }, kNoWarehouse);

  cluster.kill_api_server();
  CHECK(text_of(post(url, push)) == kNoWarehouse);
  cluster.start_api_server();
  project.add_warehouse("made-meanwhile", project.repository());
  eventually(
      "it is refreshed", [&] { return !refresh_of(project.warehouse("made-meanwhile")).empty(); },
      30s + 2 * kPatience);
}

}  // namespace receiver::test
