#include <catch2/catch.hpp>

#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"
#include "test/support/role_bound.h"

namespace receiver::test {

namespace {

const Environment kClusterWide{{"SECRET_ACCESS", "cluster"}};

/// The operator may read every Secret.
RoleBound access_to_all(const Cluster& cluster) {
  return {cluster, "bitbucket-receiver-project-secrets", "", "secrets"};
}

std::string url(const Operator& op, const Project& project, const std::string& secret) {
  return op.url(receiver_path(project.name(), "bb", secret));
}

void await_url(const Operator& op, const Project& project, const std::string& secret,
               std::chrono::milliseconds limit = kPatience) {
  eventually_equals(
      "the URL follows the Secret", [&] { return published_url(project.config(), "bb"); },
      url(op, project, secret), limit);
}

}  // namespace

TEST_CASE("one watch of labelled Secrets serves all projects", "[secret_access]") {
  const Cluster cluster;
  const RoleBound access = access_to_all(cluster);
  const Operator op(cluster, kClusterWide);
  const Project first(cluster, Project::Secrets::kForbidden);
  const Project second(cluster, Project::Secrets::kForbidden);
  (void)first.publish("bb", kSecret);
  (void)second.publish("bb", kSecret);
  CHECK(op.metric("bitbucket_receiver_secret_watches") == 1);

  first.put_secret("bb-secret", {{"secret", "the-next-value-of-the-secret"}});
  await_url(op, first, "the-next-value-of-the-secret");
  first.delete_secret("bb-secret");
  eventually("the receiver fails", [&] {
    return ready_message(first.config(), "False").find("bb-secret not found") != std::string::npos;
  });
  first.put_secret("bb-secret", {{"secret", kSecret}});
  first.await_ready();
  CHECK(post(url(op, second, kSecret), sign(cloud_push(second.repository(), "main"), kSecret))
            .status == 200);
  CHECK(first.events("SecretInvalid").empty());
}

TEST_CASE("an unlabelled Secret works where labelled ones are watched, with advice to label it",
          "[secret_access]") {
  const Cluster cluster;
  const RoleBound access = access_to_all(cluster);
  const Operator op(cluster, kClusterWide);
  const Project project(cluster, Project::Secrets::kForbidden);
  project.put_secret("plain", {{"secret", kSecret}}, false);
  project.declare({{"bb", "plain"}});
  await_url(op, project, kSecret);
  CHECK(post(url(op, project, kSecret), sign(cloud_push(project.repository(), "main"), kSecret))
            .status == 200);
  eventually("the label is recommended", [&] {
    const std::string told = project.events("SecretInvalid");
    return told.starts_with("Warning ") &&
           told.find("kargo.akuity.io/cred-type: generic") != std::string::npos;
  });

  // Nobody watches it. To avoid waiting for the round of five minutes, a user can request a
  // refresh.
  project.put_secret("plain", {{"secret", "the-next-value-of-the-secret"}}, false);
  cluster.admin().merge_patch(project.config_path(),
                              R"({"metadata": {"annotations": {"kargo.akuity.io/refresh": "x"}}})");
  await_url(op, project, "the-next-value-of-the-secret");

  // With the label it is watched, and without it again it still works: long before the round.
  project.put_secret("plain", {{"secret", "a-third-value-of-the-secret"}});
  await_url(op, project, "a-third-value-of-the-secret");
  project.put_secret("plain", {{"secret", "a-fourth-value-of-the-secret"}}, false);
  await_url(op, project, "a-fourth-value-of-the-secret");
}

TEST_CASE("access to all Secrets that is not granted is told, and its arrival makes it well",
          "[secret_access]") {
  const Cluster cluster;
  await_access(cluster.admin(), false, "list", "", "secrets");  // granted by an earlier test
  const Project project(cluster);                               // may be read, but is not
  project.put_secret("bb-secret", {{"secret", kSecret}});
  project.declare({{"bb", "bb-secret"}});
  const Operator op(cluster, kClusterWide);
  eventually(
      "the missing permission is told",
      [&] {
        return ready_message(project.config(), "False").find("forbidden to list and watch") !=
               std::string::npos;
      },
      3 * kPatience);
  CHECK(op.metrics_port("/readyz").status == 200);

  const RoleBound access = access_to_all(cluster);
  // It is retried at least every 30 seconds.
  await_url(op, project, kSecret, 30s + kPatience);
}

}  // namespace receiver::test
