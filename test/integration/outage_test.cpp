#include <chrono>
#include <future>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"

namespace receiver::test {

namespace {

/// Longer than the longest backoff.
constexpr std::chrono::milliseconds kRecovery = 30s + 2 * kPatience;

void push_until_refreshed(const std::string& url, const Delivery& delivery) {
  eventually_equals(
      "the push refreshes", [&] { return text_of(post(url, delivery)); }, kRefreshed, kRecovery);
}

}  // namespace

TEST_CASE("a restart of the API server in mid-watch loses nothing", "[outage]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const Project leaving(cluster);
  const Project later(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  const std::string leaving_url = op.url(leaving.publish("bb", kSecret));
  project.add_warehouse("before", project.repository("before"));
  push_until_refreshed(url, sign(cloud_push(project.repository("before"), "main"), kSecret));

  cluster.kill_api_server();
  cluster.start_api_server();
  // While the operator waits for its next attempt, everything changes.
  project.add_warehouse("after", project.repository("after"));
  project.put_secret("second", {{"secret", "a-second-secret-after-the-restart"}});
  project.declare({{"bb", "bb-secret"}, {"bb2", "second"}});
  cluster.admin().remove(leaving.config_path());
  later.put_secret("one", {{"secret", kSecret}});
  later.declare({{"bb", "one"}});
  cluster.admin().merge_patch(project.collection("warehouses") + "/before",
                              R"({"spec": {"subscriptions": [{"git": {"repoURL": ")" +
                                  project.repository("moved") + R"("}}]}})");

  eventually_equals(
      "the second receiver is published", [&] { return published_url(project.config(), "bb2"); },
      op.url(receiver_path(project.name(), "bb2", "a-second-secret-after-the-restart")), kRecovery);
  eventually_equals(
      "the project of afterwards is ready", [&] { return ready_message(later.config(), "True"); },
      kProjectReady, kRecovery);
  push_until_refreshed(url, sign(cloud_push(project.repository("after"), "main"), kSecret));
  push_until_refreshed(url, sign(cloud_push(project.repository("moved"), "main"), kSecret));
  CHECK(text_of(post(url, sign(cloud_push(project.repository("before"), "main"), kSecret))) ==
        "200 {\"msg\":\"refreshed 0 warehouse(s)\"}\n");
  eventually_equals(
      "the path of the deleted ProjectConfig is unknown",
      [&] {
        return text_of(post(leaving_url, sign(cloud_push(leaving.repository(), "main"), kSecret)));
      },
      std::string("404 {}\n"), kRecovery);

  // And the watches continue, after the next attempt of each.
  std::vector<std::chrono::milliseconds> took;
  for (int change = 0; change <= 3; ++change) {
    const std::string secret = "changed-after-the-restart-" + std::to_string(change);
    project.put_secret("second", {{"secret", secret}});
    took.push_back(eventually_equals(
        "a change afterwards is seen", [&] { return published_url(project.config(), "bb2"); },
        op.url(receiver_path(project.name(), "bb2", secret)), kRecovery));
  }
  took.erase(took.begin());
  check_median(took, kPromptly);
}

TEST_CASE("pushes that come while the API server is away are applied when it is back", "[outage]") {
  const Cluster cluster;
  const Operator op(cluster, {{"ANSWER_DEADLINE", "1s"}});
  const Project project(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  const std::string clone_url = "https://git.example.com/scm/" + project.name() + "/app.git";
  project.add_warehouse("cloud", project.repository());
  project.add_warehouse("data-center", clone_url);
  const Delivery cloud = sign(cloud_push(project.repository(), "main"), kSecret);
  const Delivery data_center = sign(data_center_push({clone_url}, "refs/heads/main"), kSecret);
  push_until_refreshed(url, cloud);
  push_until_refreshed(url, data_center);
  const std::string cloud_before = refresh_of(project.warehouse("cloud"));
  const std::string data_center_before = refresh_of(project.warehouse("data-center"));

  cluster.kill_api_server();
  auto other_answer = post_meanwhile(url, data_center);
  const http::Response answer = post(url, cloud);
  CHECK(text_of(answer) == "503 {\"error\":\"failed to refresh 1 of 1 warehouses\"}\n");
  CHECK(answer.headers.find("Retry-After"));
  CHECK(text_of(other_answer.get()) == "202 {\"msg\":\"queued 1 of 1 warehouses\"}\n");
  cluster.start_api_server();

  eventually(
      "the Cloud push is applied",
      [&] { return refresh_of(project.warehouse("cloud")) > cloud_before; }, kRecovery);
  eventually(
      "the Data Center push is applied",
      [&] { return refresh_of(project.warehouse("data-center")) > data_center_before; }, kRecovery);
}

TEST_CASE("a push that waits for the API server is answered when it is back", "[outage]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  project.add_warehouse("app", project.repository());
  const Delivery push = sign(cloud_push(project.repository(), "main"), kSecret);
  push_until_refreshed(url, push);
  const std::string before = refresh_of(project.warehouse("app"));

  cluster.freeze_api_server();
  auto answer = post_meanwhile(url, push);
  eventually_equals(
      "its PATCH is in flight", [&] { return op.metric(kPatchesInFlight); }, 1.0);
  CHECK(answer.wait_for(0s) == std::future_status::timeout);
  cluster.thaw_api_server();
  CHECK(text_of(answer.get()) == kRefreshed);
  CHECK(refresh_of(project.warehouse("app")) > before);
}

TEST_CASE("an operator that starts while the API server is away gets ready when it is there",
          "[outage]") {
  const Cluster cluster;
  const Project project(cluster);
  project.put_secret("one", {{"secret", kSecret}});
  project.declare({{"bb", "one"}});

  cluster.kill_api_server();
  const Operator op(cluster, {}, Operator::Await::kNothing);
  const std::string url = op.url(receiver_path(project.name(), "bb", kSecret));
  const Delivery push = sign(cloud_push(project.repository(), "main"), kSecret);
  CHECK(op.metrics_port("/livez").status == 200);
  CHECK(op.metrics_port("/readyz").status == 503);
  // It is still unknown whether the path exists: Bitbucket must resend.
  const http::Response answer = post(url, push);
  CHECK(answer.status == 503);
  CHECK(answer.headers.find("Retry-After") == "1");

  cluster.start_api_server();
  eventually(
      "the operator is ready", [&] { return op.is_ready(); }, kRecovery);
  eventually_equals(
      "the URL is published", [&] { return published_url(project.config(), "bb"); }, url,
      kRecovery);
  CHECK(post(url, push).status == 200);
}

}  // namespace receiver::test
