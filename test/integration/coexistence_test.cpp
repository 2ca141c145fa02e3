#include <catch2/catch.hpp>

#include "cluster.h"
#include "delivery.h"
#include "eventually.h"
#include "operator.h"
#include "project.h"
#include "second_writer.h"

using namespace receiver::integration;

namespace {

constexpr const char* kOurBase = "https://hooks.example.com/ours";
constexpr const char* kOtherBase = "https://kargo.example.com/webhooks";

Environment with_base(const char* base_url) {
  return {{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", base_url}};
}

std::string url(const char* base, const Project& project, const std::string& secret) {
  return base + receiver_path(project.name(), "bb", secret);
}

double status_writes(const Operator& op) {
  return op.metric("bitbucket_receiver_status_writes_total{result=\"ok\"}");
}

/// Nobody writes during many rounds of the second writer, once it has ended what it was about to
/// write.
void check_peace(const Project& project, const SecondWriter& other) {
  other.await_rounds(2);
  const std::string version = resource_version(project.config());
  other.await_rounds(8);
  CHECK(resource_version(project.config()) == version);
}

/// The operator has written so often, and lets the second writer have its way from then on.
void check_retreat(const Operator& op, const Project& project, const SecondWriter& other,
                   double writes) {
  eventually_equals(
      "the operator has written", [&] { return status_writes(op); }, writes);
  check_peace(project, other);
  CHECK(status_writes(op) == writes);
}

}  // namespace

TEST_CASE("two writers with one base URL agree and neither writes what stands there",
          "[coexistence]") {
  const Cluster cluster;
  const Operator op(cluster, with_base(kOtherBase));
  const Project project(cluster);
  (void)project.publish("bb", kSecret);
  const SecondWriter other(cluster, project, kOtherBase);
  check_peace(project, other);
  CHECK(other.writes() == 0);

  for (int change = 1; change <= 5; ++change) {
    const std::string secret = "changed-secret-number-" + std::to_string(change);
    project.put_secret("bb-secret", {{"secret", secret}});
    eventually_equals(
        "the URL follows the Secret", [&] { return published_url(project.config(), "bb"); },
        url(kOtherBase, project, secret));
    check_peace(project, other);
  }
  // Each change is written by who comes first; where both come at once, the same twice.
  INFO(status_writes(op) << " writes of the operator, " << other.writes() << " of the other");
  CHECK(status_writes(op) + other.writes() <= 1 + 2 * 5);
  CHECK(project.events("StatusConflict").empty());
}

TEST_CASE("two writers that tell one error in different words end it, and agree when it is gone",
          "[coexistence]") {
  const Cluster cluster;
  const Operator op(cluster, with_base(kOtherBase));
  const Project project(cluster);
  (void)project.publish("bb", kSecret);
  const SecondWriter other(cluster, project, kOtherBase);
  check_peace(project, other);

  const double before = status_writes(op);
  project.delete_secret("bb-secret");
  eventually("the conflict is told", [&] { return !project.events("StatusConflict").empty(); });
  check_peace(project, other);
  CHECK(status_writes(op) <= before + 3);
  CHECK(ready_message(project.config(), "False").find("bb") != std::string::npos);

  project.put_secret("bb-secret", {{"secret", "the-secret-that-came-back"}});
  eventually_equals(
      "the receiver is back", [&] { return published_url(project.config(), "bb"); },
      url(kOtherBase, project, "the-secret-that-came-back"));
  project.await_ready();
  check_peace(project, other);
  CHECK(project.config().of_element("/status/conditions", "type", "Reconciling", "status").empty());
}

TEST_CASE(
    "a writer with another base URL has its way after three attempts, until something changes",
    "[coexistence]") {
  const Cluster cluster;
  const Operator op(cluster, with_base(kOurBase));
  const Project project(cluster);
  project.put_secret("bb-secret", {{"secret", kSecret}});
  project.declare({{"bb", "bb-secret"}});
  eventually_equals(
      "ours is published", [&] { return published_url(project.config(), "bb"); },
      url(kOurBase, project, kSecret));
  const SecondWriter other(cluster, project, kOtherBase);
  check_retreat(op, project, other, 3);
  CHECK(published_url(project.config(), "bb") == url(kOtherBase, project, kSecret));

  std::string told;
  eventually("the conflict is told",
             [&] { return !(told = project.events("StatusConflict")).empty(); });
  INFO(told);
  CHECK(told.starts_with("Warning "));
  CHECK(told.find("https://hooks.example.com") != std::string::npos);
  CHECK(told.find("https://kargo.example.com") != std::string::npos);
  for (const char* path : {"/ours", "/webhooks", "/bitbucket"}) {
    CHECK(told.find(path) == std::string::npos);
  }

  project.put_secret("bb-secret", {{"secret", "another-secret-of-the-tests"}});
  check_retreat(op, project, other, 6);
  cluster.admin().merge_patch(project.config_path(),
                              R"({"metadata": {"annotations": {"kargo.akuity.io/refresh": "x"}}})");
  check_retreat(op, project, other, 9);
  project.put_secret("second", {{"secret", kSecret}});
  project.declare({{"bb", "bb-secret"}, {"bb2", "second"}});
  check_retreat(op, project, other, 12);
}

TEST_CASE("the failure of a receiver of another type is left to its writer", "[coexistence]") {
  const Cluster cluster;
  const Operator op(cluster, with_base(kOtherBase));
  const Project project(cluster);
  (void)project.publish("bb", kSecret);
  cluster.admin().merge_patch(project.config_path(), R"({"spec": {"webhookReceivers": [
      {"name": "gh", "github": {"secretRef": {"name": "missing"}}},
      {"name": "bb", "bitbucket": {"secretRef": {"name": "bb-secret"}}}]}})");
  const SecondWriter other(cluster, project, kOtherBase);
  const std::string told =
      "Failed to sync WebhookReceivers: error reconciling gh: secrets: not found";
  eventually_equals(
      "the failure is told", [&] { return ready_message(project.config(), "False"); }, told);
  check_peace(project, other);
  CHECK(ready_message(project.config(), "False") == told);

  project.put_secret("bb-secret", {{"secret", "another-secret-of-the-tests"}});
  eventually_equals(
      "ours is published beside it", [&] { return published_url(project.config(), "bb"); },
      url(kOtherBase, project, "another-secret-of-the-tests"));
  check_peace(project, other);
  CHECK(ready_message(project.config(), "False") == told);
  CHECK(project.events("StatusConflict").empty());

  project.put_secret("missing", {{"secret", kSecret}});
  project.await_ready();
  check_peace(project, other);
  CHECK(project.config().at("/status/webhookReceivers/0/name") == "gh");
  CHECK(project.config().at("/status/webhookReceivers/1/name") == "bb");
}
