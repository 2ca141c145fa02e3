#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"
#include "test/support/raw_client.h"

namespace receiver::test {

namespace {

constexpr const char* kBaseUrl = "https://kargo.example.com";

std::string holder(const Cluster& cluster) {
  const auto lease = cluster.admin().find(kLeasePath);
  return lease ? lease->at("/spec/holderIdentity") : "";
}

void await_leader(const Cluster& cluster) {
  eventually("a replica leads", [&] { return !holder(cluster).empty(); });
}

/// An operator with this grace period that has refreshed a Warehouse for a push.
struct Refreshing {
  explicit Refreshing(const std::string& grace)
      : op(cluster, {{"GRACEFUL_SHUTDOWN_TIMEOUT", grace}}), project(cluster) {
    url = op.url(project.publish("bb", kSecret));
    project.add_warehouse("app", project.repository());
    push = sign(cloud_push(project.repository(), "main"), kSecret);
    eventually_equals(
        "the push refreshes", [&] { return text_of(post(url, push)); }, kRefreshed);
  }

  const Cluster cluster;
  Operator op;
  const Project project;
  std::string url;
  Delivery push;
};

/// The leader has changed when it publishes a new URL for a new Secret.
void check_that_statuses_follow(const Project& project, const std::string& secret,
                                std::chrono::milliseconds limit) {
  project.put_secret("bb-secret", {{"secret", secret}});
  eventually_equals(
      "the URL follows the Secret", [&] { return published_url(project.config(), "bb"); },
      kBaseUrl + receiver_path(project.name(), "bb", secret), limit);
}

}  // namespace

TEST_CASE("the operator takes all the descriptors that it may have", "[lifecycle]") {
  const Cluster cluster;
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const rlimit low{std::min<rlim_t>(limit.rlim_max, 256), limit.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  const Operator op(cluster);  // inherits it
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(op.metric("process_max_fds") == static_cast<double>(limit.rlim_max));
}

TEST_CASE("every part of the operator shows what it counts", "[lifecycle]") {
  const Cluster cluster;
  const Operator op(cluster);
  const std::string text = op.metrics_port("/metrics").body;
  for (const std::string part :
       {"bitbucket_receiver_build_info", "process_open_fds",
        "bitbucket_receiver_http_requests_total", "bitbucket_receiver_deliveries_total",
        "bitbucket_receiver_delivery_duration_seconds", "bitbucket_receiver_late_refreshes_total",
        "bitbucket_receiver_routes", "bitbucket_receiver_refresh_patches_total",
        "bitbucket_receiver_refresh_delay_seconds", "bitbucket_receiver_catch_up_runs_total",
        "bitbucket_receiver_status_writes_total", "bitbucket_receiver_receivers",
        "bitbucket_receiver_reflector_synced", "leader_election_master_status", "workqueue_depth",
        "controller_runtime_reconcile_total", "rest_client_requests_total"}) {
    CAPTURE(part);
    CHECK(text.find("\n# TYPE " + part + " ") != std::string::npos);
  }
  CHECK(op.sum_of_metrics("bitbucket_receiver_build_info{") == 1);
}

TEST_CASE("SIGTERM ends the operator well and gives the Lease back", "[lifecycle]") {
  const Cluster cluster;
  Operator op(cluster);
  await_leader(cluster);
  op.terminate();
  CHECK(op.exit_code(5s + kPromptly) == 0);
  CHECK(cluster.admin().find(kLeasePath));
  CHECK(holder(cluster).empty());
}

TEST_CASE("after SIGTERM the operator is not ready but serves for a while", "[lifecycle]") {
  Refreshing given("20s");
  const std::string before = refresh_of(given.project.warehouse("app"));

  given.op.terminate();
  eventually("it is not ready", [&] { return !given.op.is_ready(); });
  CHECK(text_of(post(given.url, given.push)) == kRefreshed);
  CHECK(refresh_of(given.project.warehouse("app")) > before);
  for (const char* path : {"/healthz", "/"}) {
    const auto health = try_get(given.op.origin() + path);
    REQUIRE(health);
    CHECK(health->status == 503);
  }
  CHECK(given.op.exit_code(20s + kPromptly) == 0);
}

TEST_CASE("a delivery in flight is answered before the operator ends, and no new one is taken",
          "[lifecycle]") {
  Refreshing given("16s");
  const std::string before = refresh_of(given.project.warehouse("app"));

  given.cluster.freeze_api_server();
  auto answer = post_meanwhile(given.url, given.push);
  eventually_equals(
      "its PATCH is in flight", [&] { return given.op.metric(kPatchesInFlight); }, 1.0);
  given.op.terminate();
  eventually("it is shutting down", [&] { return !given.op.is_ready(); });
  CHECK(try_get(given.op.origin() + "/"));
  eventually("it serves no new connection", [&] { return !try_get(given.op.origin() + "/"); });
  CHECK_THROWS_WITH(RawClient(given.op.port()), "cannot connect");
  CHECK(answer.wait_for(0s) == std::future_status::timeout);
  given.cluster.thaw_api_server();
  CHECK(text_of(answer.get()) == kRefreshed);
  CHECK(given.op.exit_code(16s + kPromptly) == 0);
  CHECK(refresh_of(given.project.warehouse("app")) > before);
}

TEST_CASE("deliveries that an API server that hangs keeps waiting are answered before the end",
          "[lifecycle]") {
  Refreshing given("8s");
  const std::string repository = "https://git.example.com/scm/" + given.project.name() + "/app.git";
  given.project.add_warehouse("data-center", repository);
  const Delivery from_data_center =
      sign(data_center_push({repository}, "refs/heads/main"), kSecret);
  eventually_equals(
      "the push refreshes", [&] { return text_of(post(given.url, from_data_center)); }, kRefreshed);

  given.cluster.freeze_api_server();
  auto to_cloud = post_meanwhile(given.url, given.push);
  auto to_data_center = post_meanwhile(given.url, from_data_center);
  eventually_equals(
      "their PATCHes are in flight", [&] { return given.op.metric(kPatchesInFlight); }, 2.0);
  given.op.terminate();
  const int exit_code = given.op.exit_code(8s + kPromptly);
  given.cluster.thaw_api_server();
  CHECK(exit_code == 0);
  // Bitbucket Cloud resends after this answer; Data Center resends nothing, whatever the answer.
  CHECK(text_of(to_cloud.get()) == "503 {\"error\":\"failed to refresh 1 of 1 warehouses\"}\n");
  CHECK(text_of(to_data_center.get()) == "202 {\"msg\":\"queued 1 of 1 warehouses\"}\n");
  for (const char* name : {"/app", "/data-center"}) {
    CHECK_THAT(given.op.log(), Catch::Contains("refresh not applied before shutdown") &&
                                   Catch::Contains(given.project.name() + name));
  }
}

TEST_CASE("every replica serves and one writes and another follows when it goes", "[lifecycle]") {
  const Cluster cluster;
  const Environment settings{{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", kBaseUrl}};
  Operator first(cluster, settings);
  await_leader(cluster);
  const std::string first_holder = holder(cluster);
  const Operator second(cluster, settings);
  const Project project(cluster);
  const std::string path = project.publish("bb", kSecret);
  project.add_warehouse("app", project.repository());
  const Delivery push = sign(cloud_push(project.repository(), "main"), kSecret);
  for (const Operator* replica : {static_cast<const Operator*>(&first), &second}) {
    eventually_equals(
        "the replica refreshes", [&] { return text_of(post(replica->url(path), push)); },
        kRefreshed);
  }
  CHECK(holder(cluster) == first_holder);

  first.terminate();
  CHECK(first.exit_code(5s + kPromptly) == 0);
  // A candidate tries every two seconds, with jitter.
  eventually(
      "the second takes the released Lease",
      [&] { return !holder(cluster).empty() && holder(cluster) != first_holder; }, 5s + kPatience);
  check_that_statuses_follow(project, "the-secret-under-the-second-leader", kPatience);
}

TEST_CASE("the Lease of a replica that was killed is taken over when it has expired",
          "[lifecycle]") {
  const Cluster cluster;
  const Environment settings{{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", kBaseUrl}, {"CATCH_UP", "true"}};
  Operator first(cluster, settings);
  await_leader(cluster);
  const Operator second(cluster, settings);
  const Project project(cluster);
  (void)project.publish("bb", kSecret);
  project.add_warehouse("app", project.repository());
  const std::string first_holder = holder(cluster);

  first.kill();
  check_that_statuses_follow(project, "the-secret-under-the-second-leader", 20s + kPatience);
  CHECK_FALSE(holder(cluster).empty());
  CHECK(holder(cluster) != first_holder);
  // Nobody can know which pushes went to the killed replica.
  eventually("the new leader catches up",
             [&] { return !refresh_of(project.warehouse("app")).empty(); });
}

TEST_CASE("a catch-up that SIGTERM cuts off is done by the next leader", "[lifecycle]") {
  constexpr int kWarehouses = 200;  // ten seconds of catching up
  const Cluster cluster;
  const Project project(cluster);
  project.put_secret("bb-secret", {{"secret", kSecret}});
  project.declare({{"bb", "bb-secret"}});
  for (int i = 1; i <= kWarehouses; ++i) {
    project.add_warehouse(fmt::format("app-{:03}", i), project.repository());
  }
  const auto last_is_refreshed = [&] { return !refresh_of(project.warehouse("app-200")).empty(); };
  // As after a crash of a replica.
  cluster.admin().remove(kLeasePath);
  cluster.admin().create("/apis/coordination.k8s.io/v1/namespaces/kargo/leases",
                         R"({"metadata": {"name": "bitbucket-receiver"},
                             "spec": {"holderIdentity": "gone", "leaseDurationSeconds": 1,
                                      "renewTime": "2026-01-01T00:00:00.000000Z"}})");

  const Environment settings{{"CATCH_UP", "true"}, {"GRACEFUL_SHUTDOWN_TIMEOUT", "5s"}};
  Operator first(cluster, settings);
  eventually("it catches up", [&] {
    return first.metric(R"(bitbucket_receiver_catch_up_objects_total{result="refreshed"})") > 0;
  });
  const std::string first_holder = holder(cluster);
  first.terminate();
  CHECK(first.exit_code(5s + kPromptly) == 0);
  CHECK_FALSE(last_is_refreshed());
  CHECK(first.log().find("left_to_the_next_leader") != std::string::npos);
  CHECK(holder(cluster) == first_holder);  // to expire

  const Operator second(cluster, settings);
  eventually("the next leader has caught up", last_is_refreshed, 40s + kPatience);
}

TEST_CASE("the log level follows the settings file", "[lifecycle]") {
  const Cluster cluster;
  const std::string file = cluster.directory() + "/" + unique_name() + ".yaml";
  const auto write = [&file](const std::string& text) {  // never half of the file
    std::ofstream(file + ".new") << text;
    std::filesystem::rename(file + ".new", file);
  };
  write("LOG_LEVEL: ERROR\n");
  const Operator op(cluster, {{"CONFIG_FILE", file}, {"LOG_LEVEL", ""}});
  const auto logs = [&op](const std::string& text) {
    return op.log().find(text) != std::string::npos;
  };
  CHECK_FALSE(logs("synced"));

  write("LOG_LEVEL: DEBUG\n");
  eventually("it tells that it logs more", [&] { return logs("changed the log level"); });
  write("LOG_LEVEL: LOUD\n");
  eventually("a bad level is told", [&] { return logs("LOG_LEVEL"); });
  const Project project(cluster);
  (void)project.publish("bb", kSecret);
  eventually("the level has stayed", [&] { return logs("status written"); });
}

TEST_CASE("wrong settings end the operator with one line that names them", "[lifecycle]") {
  const Finished finished =
      run({OPERATOR_BINARY}, {{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", "ftp://kargo.example.com"}});
  INFO(finished.output);
  CHECK(finished.exit_code == 2);
  CHECK(finished.output.find("EXTERNAL_WEBHOOK_SERVER_BASE_URL") != std::string::npos);
}

}  // namespace receiver::test
