#include <chrono>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"

namespace receiver::test {

TEST_CASE(
    "without a namespace for its Secrets the ClusterConfig's receivers are off, and it says so",
    "[cluster_config]") {
  const Cluster cluster;
  const std::string receiver = unique_name();
  const auto message_under = [&](const std::string& system_namespace) {
    const Operator op(cluster, {{"SYSTEM_RESOURCES_NAMESPACE", system_namespace}});
    const ClusterConfig config(cluster, receiver, receiver);
    const Project project(cluster);
    (void)project.publish("bb", kSecret);  // everything else works
    std::string message;
    eventually(
        "the failure is told",
        [&] {
          message = ready_message(config.get(), "False");
          return message.starts_with("Failed to sync webhook receivers: ");
        },
        3 * kPatience);
    CHECK(config.get().size_at("/status/webhookReceivers") == 0);
    CHECK(message.find(receiver) != std::string::npos);
    return message;
  };
  const std::string unset = message_under("");
  INFO(unset);
  CHECK(unset.find("SYSTEM_RESOURCES_NAMESPACE is not set") != std::string::npos);

  const std::string missing = unique_name();
  const std::string message = message_under(missing);
  INFO(message);
  CHECK(message.find("in namespace " + missing) != std::string::npos);
  CHECK(message.find("SYSTEM_RESOURCES_NAMESPACE") != std::string::npos);

  const std::string no_secret = message_under(kSystemNamespace);
  INFO(no_secret);
  CHECK(no_secret.find("not found in namespace kargo-system-resources") != std::string::npos);
}

TEST_CASE("a receiver of the ClusterConfig refreshes across namespaces", "[cluster_config]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project first(cluster);
  const Project second(cluster);
  const std::string receiver = unique_name();
  put_secret(cluster.admin(), kSystemNamespace, receiver, {{"secret", kSecret}});
  const ClusterConfig config(cluster, receiver, receiver);
  eventually_equals(
      "the ClusterConfig is ready", [&] { return ready_message(config.get(), "True"); },
      std::string("ClusterConfig is synced and ready for use"));
  const std::string path = receiver_path("", receiver, kSecret);
  CHECK(published_url(config.get(), receiver) == op.url(path));

  const std::string repository = first.repository();
  first.add_warehouse("app", repository, R"("branch": "main")");
  second.add_warehouse("app", repository, R"("branch": "main")");
  second.add_warehouse("other", second.repository());
  const std::string pull_request = repository + "/pull-requests/1";
  second.add_promotion("waits", pull_request);
  eventually_equals(
      "both are refreshed",
      [&] { return text_of(post(op.url(path), sign(cloud_push(repository, "main"), kSecret))); },
      std::string("200 {\"msg\":\"refreshed 2 warehouse(s)\"}\n"));
  CHECK_FALSE(refresh_of(first.warehouse("app")).empty());
  CHECK_FALSE(refresh_of(second.warehouse("app")).empty());
  CHECK(refresh_of(second.warehouse("other")).empty());
  eventually_equals(
      "the Promotion is refreshed",
      [&] { return text_of(post(op.url(path), sign(cloud_merge(pull_request), kSecret))); },
      std::string("200 {\"msg\":\"refreshed 1 promotion(s)\"}\n"));

  std::vector<std::chrono::milliseconds> took;
  for (int change = 1; change <= 3; ++change) {
    const std::string secret = "changed-secret-number-" + std::to_string(change);
    put_secret(cluster.admin(), kSystemNamespace, receiver, {{"secret", secret}});
    took.push_back(eventually_equals(
        "the URL follows the Secret", [&] { return published_url(config.get(), receiver); },
        op.url(receiver_path("", receiver, secret))));
  }
  check_median(took, kPromptly);
}

}  // namespace receiver::test
