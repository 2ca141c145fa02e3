#include <catch2/catch.hpp>

#include "cluster.h"
#include "delivery.h"
#include "eventually.h"
#include "operator.h"
#include "project.h"

using namespace receiver::integration;

namespace {

constexpr const char* kSecret = "a-secret-of-the-tests-of-the-cluster";
}  // namespace

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

  put_secret(cluster.admin(), kSystemNamespace, receiver,
             {{"secret", "the-next-value-of-the-secret"}});
  const auto took = eventually_equals(
      "the URL follows the Secret", [&] { return published_url(config.get(), receiver); },
      op.url(receiver_path("", receiver, "the-next-value-of-the-secret")));
  CHECK(took < kPromptly);
}
