#include <catch2/catch.hpp>

#include "cluster.h"
#include "delivery.h"
#include "eventually.h"
#include "operator.h"
#include "project.h"

using namespace receiver::integration;

TEST_CASE("a missing permission fails that project alone and its arrival makes it well",
          "[permissions]") {
  const Cluster cluster;
  const Project forbidden(cluster, Project::Secrets::kForbidden);
  await_access(cluster.admin(), false, "list", "", "secrets", forbidden.name());
  forbidden.put_secret("one", {{"secret", kSecret}});
  forbidden.declare({{"bb", "one"}});

  const Operator op(cluster);  // ready although one namespace is out of reach
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
  // It is tried again at least every 30 seconds.
  eventually_equals(
      "the project is ready", [&] { return ready_message(forbidden.config(), "True"); },
      kProjectReady, 30s + kPatience);
  const std::string path = receiver_path(forbidden.name(), "bb", kSecret);
  CHECK(post(op.url(path), sign(cloud_push(forbidden.repository(), "main"), kSecret)).status ==
        200);
}

TEST_CASE("a project that was applied in one go with its permission is ready soon",
          "[permissions]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster, Project::Secrets::kForbidden);
  project.put_secret("one", {{"secret", kSecret}});
  project.declare({{"bb", "one"}});
  project.allow_secrets();
  project.await_ready(20s);  // what is believed to be refused is tried again after 30
}
