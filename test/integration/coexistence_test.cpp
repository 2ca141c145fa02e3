#include <catch2/catch.hpp>

#include "test/integration/second_writer.h"
#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"

namespace receiver::test {

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

/// Nobody writes during a day of Kargo's rounds and retries.
void check_peace(const Project& project, SecondWriter& kargo) {
  kargo.await_quiet();
  const std::string version = resource_version(project.config());
  kargo.pass(24h);
  CHECK(resource_version(project.config()) == version);
}

/// The operator has written this often after an hour of Kargo's rounds, and no longer writes.
void check_retreat(const Operator& op, const Project& project, SecondWriter& kargo, double writes) {
  kargo.pass(1h);
  eventually_equals(
      "the operator has written", [&] { return status_writes(op); }, writes);
  check_peace(project, kargo);
  CHECK(status_writes(op) == writes);
}

std::string kargo_failure(const std::string& receiver, const std::string& secret,
                          const std::string& ns) {
  return "error syncing WebhookReceiver \"" + receiver + "\": error getting Secret \"" + secret +
         "\" in namespace \"" + ns + "\": secrets \"" + secret + "\" not found";
}

}  // namespace

TEST_CASE("two writers with one base URL agree and neither writes what stands there",
          "[coexistence]") {
  const Cluster cluster;
  const Operator op(cluster, with_base(kOtherBase));
  const Project project(cluster);
  (void)project.publish("bb", kSecret);
  SecondWriter kargo(cluster, project, kOtherBase);
  check_peace(project, kargo);

  for (int change = 1; change <= 5; ++change) {
    const std::string secret = "changed-secret-number-" + std::to_string(change);
    project.put_secret("bb-secret", {{"secret", secret}});
    eventually_equals(
        "the URL follows the Secret", [&] { return published_url(project.config(), "bb"); },
        url(kOtherBase, project, secret));
    check_peace(project, kargo);
  }
  CHECK(status_writes(op) == 1 + 5);
  CHECK(kargo.writes() == 0);
  CHECK(project.events("StatusConflict").empty());
}

TEST_CASE("two writers report a missing Secret once each, and agree when it is there",
          "[coexistence]") {
  const Cluster cluster;
  const Operator op(cluster, with_base(kOtherBase));
  const Project project(cluster);
  project.put_secret("good", {{"secret", kSecret}});
  project.declare({});
  project.await_ready();
  SecondWriter kargo(cluster, project, kOtherBase);
  const double before = status_writes(op);

  // Secrets may have the names of receivers.
  project.declare({{"good", "good"}, {"late", "late"}, {"later", "good2"}});
  eventually("the missing Secret is told",
             [&] { return !project.events("SecretNotFound").empty(); });
  check_peace(project, kargo);
  const Json failing = project.config();
  CHECK(ready_message(failing, "False") ==
        "Failed to sync WebhookReceivers: [" + kargo_failure("late", "late", project.name()) +
            ", " + kargo_failure("later", "good2", project.name()) + "]");
  CHECK(failing.of_element("/status/conditions", "type", "Reconciling", "status") == "True");
  CHECK(published_url(failing, "good") ==
        kOtherBase + receiver_path(project.name(), "good", kSecret));
  CHECK(status_writes(op) <= before + 1);
  CHECK(kargo.writes() == 1);

  // Kargo does not watch Secrets, and may not retry for a quarter of an hour.
  project.put_secret("late", {{"secret", "the-secret-that-came-late"}});
  eventually("one is published", [&] { return !published_url(project.config(), "late").empty(); });
  kargo.pass(1h);  // it reports the failure again
  check_peace(project, kargo);
  CHECK(ready_message(project.config(), "False").find("later") != std::string::npos);

  project.put_secret("good2", {{"secret", "another-secret-that-came"}});
  project.await_ready();
  check_peace(project, kargo);
  const Json ready = project.config();
  CHECK(ready_message(ready, "True") == kProjectReady);
  CHECK(ready.of_element("/status/conditions", "type", "Reconciling", "status").empty());
  CHECK(ready.at("/status/observedGeneration") == ready.at("/metadata/generation"));
  CHECK(ready.size_at("/status/webhookReceivers") == 3);
  CHECK(status_writes(op) <= before + 3);
  CHECK(kargo.writes() <= 2);
  CHECK(project.events("StatusConflict").empty());
}

TEST_CASE("two writers report a ClusterConfig's missing Secret once each, and then agree",
          "[coexistence][cluster_config]") {
  const Cluster cluster;
  const Operator op(cluster, with_base(kOtherBase));
  const std::string name = unique_name();
  const ClusterConfig config(cluster, name, name);
  SecondWriter kargo(cluster, kOtherBase);
  kargo.pass(24h);
  const std::string version = resource_version(config.get());
  kargo.pass(24h);
  CHECK(resource_version(config.get()) == version);
  CHECK(ready_message(config.get(), "False") ==
        "Failed to sync webhook receivers: " + kargo_failure(name, name, kSystemNamespace));
  CHECK(status_writes(op) <= 1);
  CHECK(kargo.writes() == 1);

  put_secret(cluster.admin(), kSystemNamespace, name, {{"secret", kSecret}});
  eventually_equals(
      "it is ready", [&] { return ready_message(config.get(), "True"); },
      std::string("ClusterConfig is synced and ready for use"));
  kargo.pass(24h);
  CHECK(ready_message(config.get(), "True") == "ClusterConfig is synced and ready for use");
  CHECK(status_writes(op) <= 2);
  CHECK(kargo.writes() == 1);
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
  SecondWriter kargo(cluster, project, kOtherBase);
  check_retreat(op, project, kargo, 3);
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
  CHECK(project.events("ReceiverURLChanged").empty());

  project.put_secret("bb-secret", {{"secret", "another-secret-of-the-tests"}});
  check_retreat(op, project, kargo, 6);
  const std::string changed = project.events("ReceiverURLChanged");
  CHECK(changed.find("\"bb\"") != std::string::npos);
  cluster.admin().merge_patch(project.config_path(),
                              R"({"metadata": {"annotations": {"kargo.akuity.io/refresh": "x"}}})");
  check_retreat(op, project, kargo, 9);
  project.put_secret("second", {{"secret", kSecret}});
  project.declare({{"bb", "bb-secret"}, {"bb2", "second"}});
  check_retreat(op, project, kargo, 12);
  CHECK(project.events("ReceiverURLChanged") == changed);
}

TEST_CASE("a writer that accepts an empty Secret has its way, and the Event says what differs",
          "[coexistence]") {
  const Cluster cluster;
  const Operator op(cluster, with_base(kOtherBase));
  const Project project(cluster);
  project.put_secret("bb-secret", {{"secret", ""}});
  project.declare({{"bb", "bb-secret"}});
  eventually("it fails here", [&] { return status_writes(op) == 1; });
  SecondWriter kargo(cluster, project, kOtherBase);
  check_retreat(op, project, kargo, 3);
  std::string told;
  eventually("the conflict is told",
             [&] { return !(told = project.events("StatusConflict")).empty(); });
  INFO(told);
  CHECK(told.find("the other writer publishes receiver \"bb\", which this operator does not") !=
        std::string::npos);
  CHECK(told.find("base URL") == std::string::npos);
}

TEST_CASE("the failure of a receiver of another type is left to its writer", "[coexistence]") {
  const Cluster cluster;
  const Operator op(cluster, with_base(kOtherBase));
  const Project project(cluster);
  (void)project.publish("bb", kSecret);
  cluster.admin().merge_patch(project.config_path(), R"({"spec": {"webhookReceivers": [
      {"name": "gh", "github": {"secretRef": {"name": "missing"}}},
      {"name": "bb", "bitbucket": {"secretRef": {"name": "bb-secret"}}}]}})");
  SecondWriter kargo(cluster, project, kOtherBase);
  const std::string prefix = "Failed to sync WebhookReceivers: ";
  const std::string told = prefix + kargo_failure("gh", "missing", project.name());
  eventually_equals(
      "the failure is told", [&] { return ready_message(project.config(), "False"); }, told);
  check_peace(project, kargo);
  CHECK(ready_message(project.config(), "False") == told);

  project.put_secret("bb-secret", {{"secret", "another-secret-of-the-tests"}});
  eventually_equals(
      "ours is published beside it", [&] { return published_url(project.config(), "bb"); },
      url(kOtherBase, project, "another-secret-of-the-tests"));
  check_peace(project, kargo);
  CHECK(ready_message(project.config(), "False") == told);

  project.delete_secret("bb-secret");
  eventually_equals(
      "ours is told beside it",
      [&] { return ready_message(project.config(), "False").starts_with(told + " | bitbucket: "); },
      true);
  kargo.pass(1h);
  check_peace(project, kargo);
  CHECK(ready_message(project.config(), "False") ==
        prefix + "[" + kargo_failure("gh", "missing", project.name()) + ", " +
            kargo_failure("bb", "bb-secret", project.name()) + "]");
  project.put_secret("bb-secret", {{"secret", kSecret}});
  eventually_equals(
      "ours is back", [&] { return published_url(project.config(), "bb"); },
      url(kOtherBase, project, kSecret));

  project.put_secret("missing", {{"secret", kSecret}});
  kargo.pass(1h);
  project.await_ready();
  check_peace(project, kargo);
  CHECK(project.config().at("/status/webhookReceivers/0/name") == "gh");
  CHECK(project.config().at("/status/webhookReceivers/1/name") == "bb");
  CHECK(project.events("StatusConflict").empty());
}

}  // namespace receiver::test
