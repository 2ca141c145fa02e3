#include <optional>
#include <string>
#include <utility>

#include <catch2/catch.hpp>

#include "test/integration/missing_kind.h"
#include "test/integration/missing_permission.h"
#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"

namespace receiver::test {

TEST_CASE("what needs a missing kind or permission waits, and recovers, and the rest is served",
          "[readiness]") {
  const Cluster cluster;
  const Project project(cluster);
  const std::string pull_request = project.repository() + "/pull-requests/7";
  project.add_warehouse("app", project.repository());
  std::optional<MissingPermission> permission(std::in_place, cluster.admin(), R"([
      {"apiGroups": ["kargo.akuity.io"],
       "resources": ["projectconfigs", "clusterconfigs", "promotions"],
       "verbs": ["get", "list", "watch"]},
      {"apiGroups": ["kargo.akuity.io"],
       "resources": ["projectconfigs/status", "clusterconfigs/status"], "verbs": ["patch"]},
      {"apiGroups": ["kargo.akuity.io"], "resources": ["promotions"], "verbs": ["patch"]},
      {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]}])",
                                              "warehouses");
  std::optional<MissingPromotions> kind(std::in_place, cluster.admin());
  const Operator op(cluster);  // ready nevertheless
  const std::string url = op.url(project.publish("bb", kSecret));
  const Delivery push = sign(cloud_push(project.repository(), "main"), kSecret);
  const Delivery merge = sign(cloud_merge(pull_request), kSecret);

  const std::string report = op.metrics_port("/readyz?verbose").body;
  INFO(report);
  CHECK(report.find("[+]warehouses ok: forbidden to list and watch warehouses") !=
        std::string::npos);
  CHECK(report.find("[+]promotions ok: the API server does not know promotions") !=
        std::string::npos);
  CHECK(report.find("[+]projectconfigs ok\n") != std::string::npos);
  eventually("the missing permission is logged", [&] {
    return op.log().find("forbidden to list and watch warehouses") != std::string::npos;
  });
  for (const auto& [delivery, answer] :
       {std::pair(&push, "503 {\"error\":\"warehouses are not synced\"}\n"),
        std::pair(&merge, "503 {\"error\":\"promotions are not synced\"}\n")}) {
    const http::Response response = post(url, *delivery);
    CHECK(text_of(response) == answer);
    CHECK(response.headers.find("Retry-After") == "1");
  }

  permission.reset();
  kind.reset();
  project.add_promotion("waits", pull_request);
  // It is retried at least every 30 seconds.
  eventually_equals(
      "pushes are served", [&] { return text_of(post(url, push)); }, kRefreshed, 30s + kPatience);
  eventually_equals(
      "merges are served", [&] { return text_of(post(url, merge)); },
      std::string("200 {\"msg\":\"refreshed 1 promotion(s)\"}\n"), 30s + kPatience);
  eventually("nothing is missing any more", [&] {
    return op.metrics_port("/readyz?verbose").body.find("ok:") == std::string::npos;
  });
}

}  // namespace receiver::test
