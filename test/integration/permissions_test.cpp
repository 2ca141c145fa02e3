#include <optional>
#include <string>
#include <utility>

#include <catch2/catch.hpp>

#include "test/integration/missing_permission.h"
#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"

namespace receiver::test {

TEST_CASE("a missing permission fails that project alone and its arrival makes it well",
          "[permissions]") {
  const Cluster cluster;
  const Project forbidden(cluster, Project::Secrets::kForbidden);
  await_access(cluster.admin(), false, "list", "", "secrets", forbidden.name());
  forbidden.put_secret("one", {{"secret", kSecret}});
  forbidden.declare({{"bb", "one"}});

  const Operator op(cluster);  // ready although one namespace cannot be read
  const auto message = [&] { return ready_message(forbidden.config(), "False"); };
  eventually(
      "the missing permission is told",
      [&] { return message().starts_with("Failed to sync WebhookReceivers: "); }, 3 * kPatience);
  INFO(message());
  CHECK(message().find("secrets") != std::string::npos);
  CHECK(message().find(forbidden.name()) != std::string::npos);
  CHECK(op.metrics_port("/readyz").status == 200);

  const Project allowed(cluster);
  const std::string url = op.url(allowed.publish("bb", kSecret));
  CHECK(post(url, sign(cloud_push(allowed.repository(), "main"), kSecret)).status == 200);

  forbidden.allow_secrets();
  // It is retried at least every 30 seconds.
  eventually_equals(
      "the project is ready", [&] { return ready_message(forbidden.config(), "True"); },
      kProjectReady, 30s + kPatience);
  const std::string path = receiver_path(forbidden.name(), "bb", kSecret);
  CHECK(post(op.url(path), sign(cloud_push(forbidden.repository(), "main"), kSecret)).status ==
        200);
}

TEST_CASE(
    "without the permission to read ProjectConfigs known URLs are served, and no other is denied",
    "[permissions]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string path = project.publish("bb", kSecret);
  project.add_warehouse("app", project.repository());
  const Delivery push = sign(cloud_push(project.repository(), "main"), kSecret);
  const auto await_refreshed = [&](const Operator& replica) {
    eventually_equals(
        "the push refreshes", [&] { return text_of(post(replica.url(path), push)); }, kRefreshed,
        30s + kPatience);
  };
  await_refreshed(op);

  std::optional<MissingPermission> forbidden(std::in_place, cluster.admin(), R"([
      {"apiGroups": ["kargo.akuity.io"], "resources": ["clusterconfigs"],
       "verbs": ["list", "watch"]},
      {"apiGroups": ["kargo.akuity.io"], "resources": ["warehouses", "promotions"],
       "verbs": ["list", "watch", "patch"]}])",
                                             "projectconfigs");
  cluster.stop_api_server();  // the permission of a running watch is not checked again
  cluster.start_api_server();
  eventually(
      "the watch is refused",
      [&] {
        return op.log().find("projectconfigs.kargo.akuity.io is forbidden") != std::string::npos;
      },
      30s + kPatience);
  await_refreshed(op);
  CHECK(op.is_ready());

  // An operator that starts now cannot know which URLs exist: Bitbucket must resend.
  const Operator late(cluster);
  CHECK(late.metrics_port("/readyz?verbose")
            .body.find("[+]projectconfigs ok: forbidden to list and watch projectconfigs") !=
        std::string::npos);
  const http::Response answer = post(late.url(path), push);
  CHECK(answer.status == 503);
  CHECK(answer.headers.find("Retry-After") == "1");

  forbidden.reset();
  await_refreshed(late);
}

TEST_CASE("a project that was applied in one go with its permission is ready soon",
          "[permissions]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster, Project::Secrets::kForbidden);
  project.put_secret("one", {{"secret", kSecret}});
  project.declare({{"bb", "one"}});
  project.allow_secrets();
  project.await_ready(20s);  // a rejection is retried after 30 s
}

}  // namespace receiver::test
