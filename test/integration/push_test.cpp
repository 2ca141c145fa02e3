#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"

namespace receiver::test {

namespace {

/// The project's Warehouses that were written since the last call.
class Changes {
 public:
  explicit Changes(const Cluster& cluster, const Project& project)
      : api_(cluster.admin()), project_(project) {
    (void)take();
  }

  std::set<std::string> take() {
    std::set<std::string> changed;
    const Json list = api_.get(project_.collection("warehouses"));
    for (std::size_t index = 0; index < list.size_at("/items"); ++index) {
      const Json item(list.at("/items/" + std::to_string(index)));
      std::string& seen = versions_[item.at("/metadata/name")];
      if (seen != resource_version(item)) changed.insert(item.at("/metadata/name"));
      seen = resource_version(item);
    }
    return changed;
  }

 private:
  const Api& api_;
  const Project& project_;
  std::map<std::string, std::string> versions_;
};

using Names = std::set<std::string>;

std::string refreshed(std::size_t count) {
  return "200 {\"msg\":\"refreshed " + std::to_string(count) + " warehouse(s)\"}\n";
}

/// The operator answers a push with what it has seen, which may not include new objects yet. Sends
/// until this number of Warehouses is refreshed.
void push_until(const std::string& url, const Delivery& delivery, std::size_t count) {
  eventually_equals(
      "the operator has seen the Warehouses", [&] { return text_of(post(url, delivery)); },
      refreshed(count));
}

}  // namespace

TEST_CASE("a Cloud push refreshes exactly the Warehouses that it could affect", "[push]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const Project other_project(cluster);
  const std::string repository = project.repository();
  const std::string url = op.url(project.publish("bb", kSecret));

  project.add_warehouse("any-branch", repository);
  project.add_warehouse("main-by-ssh", "git@bitbucket.org:" + project.name() + "/app.git",
                        R"("branch": "main")");
  project.add_warehouse("main-upper-case", "https://bitbucket.org/" + project.name() + "/APP.git",
                        R"("branch": "main")");
  project.add_warehouse("release", repository, R"("branch": "release/1.0")");
  project.add_warehouse("tags", repository, R"("commitSelectionStrategy": "NewestTag")");
  project.add_warehouse("semver", repository,
                        R"("commitSelectionStrategy": "SemVer", "semverConstraint": "^1.2.0")");
  project.add_warehouse("other-repository", project.repository("app2"));
  project.add_warehouse("no-git", "");
  other_project.add_warehouse("same-repository", repository);

  push_until(url, sign(cloud_push(repository, "main"), kSecret), 3);
  push_until(url, sign(cloud_push(repository, "release/1.0"), kSecret), 2);
  push_until(url, sign(cloud_tag_push(repository, "v1.3.0"), kSecret), 2);
  Changes changes(cluster, project);
  Changes other_changes(cluster, other_project);

  CHECK(text_of(post(url, sign(cloud_push(repository, "main"), kSecret))) == refreshed(3));
  CHECK(changes.take() == Names{"any-branch", "main-by-ssh", "main-upper-case"});

  CHECK(text_of(post(url, sign(cloud_push(repository, "release/1.0"), kSecret))) == refreshed(2));
  CHECK(changes.take() == Names{"any-branch", "release"});

  CHECK(text_of(post(url, sign(cloud_push(repository, "feature/x"), kSecret))) == refreshed(1));
  CHECK(changes.take() == Names{"any-branch"});

  CHECK(text_of(post(url, sign(cloud_tag_push(repository, "v1.3.0"), kSecret))) == refreshed(2));
  CHECK(changes.take() == Names{"tags", "semver"});

  CHECK(text_of(post(url, sign(cloud_tag_push(repository, "v2.0.0"), kSecret))) == refreshed(1));
  CHECK(changes.take() == Names{"tags"});

  CHECK(text_of(post(url, sign(cloud_push(project.repository("nobody"), "main"), kSecret))) ==
        refreshed(0));
  CHECK(changes.take().empty());
  CHECK(other_changes.take().empty());
}

TEST_CASE("a Data Center push refreshes the Warehouses by its clone URLs", "[push]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  const std::string key = project.name();
  const std::string https = "https://git.example.com/scm/" + key + "/app.git";
  const std::string ssh = "ssh://git@git.example.com:7999/" + key + "/app.git";
  project.add_warehouse("https", https, R"("branch": "main")");
  project.add_warehouse("ssh", ssh, R"("branch": "main")");
  project.add_warehouse("other-host", "https://git.example.org/scm/" + key + "/app.git");
  project.add_warehouse("other-branch", https, R"("branch": "stable")");

  const Delivery push = sign(data_center_push({ssh, https}, "refs/heads/main"), kSecret);
  push_until(url, push, 2);
  Changes changes(cluster, project);
  CHECK(text_of(post(url, push)) == refreshed(2));
  CHECK(changes.take() == Names{"https", "ssh"});
  CHECK(text_of(post(url, sign(data_center_push({https, ssh}, "refs/heads/stable"), kSecret))) ==
        refreshed(1));
  CHECK(changes.take() == Names{"other-branch"});
}

TEST_CASE("recorded pushes of both products refresh what subscribes to their repository",
          "[push]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  project.add_warehouse("cloud", "https://bitbucket.org/kargo-orchard/fruit-basket");
  project.add_warehouse("data-center", "https://git.orchard.example/scm/orch/fruit-basket.git");
  const auto push = [](const char* event, const char* file) {
    return sign(recorded(event, file), kSecret);
  };
  push_until(url, push("repo:push", "cloud/push_branch_update.json"), 1);
  push_until(url, push("repo:refs_changed", "data_center/refs_changed_branch_update.json"), 1);

  Changes changes(cluster, project);
  for (const char* file : {"push_branch_update", "push_branch_create", "push_branch_delete",
                           "push_branch_force", "push_several_changes", "push_no_changes"}) {
    INFO(file);
    const std::string path = std::string("cloud/") + file + ".json";
    CHECK(text_of(post(url, push("repo:push", path.c_str()))) == refreshed(1));
    CHECK(changes.take() == Names{"cloud"});
  }
  for (const char* file : {"refs_changed_branch_update", "refs_changed_branch_update_10",
                           "refs_changed_several", "refs_changed_no_changes"}) {
    INFO(file);
    const std::string path = std::string("data_center/") + file + ".json";
    CHECK(text_of(post(url, push("repo:refs_changed", path.c_str()))) == refreshed(1));
    CHECK(changes.take() == Names{"data-center"});
  }
}

TEST_CASE("two pushes one after another are two refreshes", "[push]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  project.add_warehouse("app", project.repository());
  const Delivery push = sign(cloud_push(project.repository(), "main"), kSecret);
  push_until(url, push, 1);

  std::set<std::string> tokens;
  for (int round = 0; round < 20; ++round) {
    REQUIRE(text_of(post(url, push)) == refreshed(1));
    tokens.insert(refresh_of(project.warehouse("app")));
  }
  CHECK(tokens.size() == 20);
  // RFC 3339 in UTC with nanoseconds: later tokens sort later.
  CHECK(tokens.begin()->size() == std::string("2026-01-02T03:04:05.678901234Z").size());
  CHECK(tokens.rbegin()->back() == 'Z');
  CHECK(*tokens.rbegin() == refresh_of(project.warehouse("app")));
}

TEST_CASE("a refresh changes nothing of a Warehouse but the annotation", "[push]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  project.add_warehouse("app", project.repository(), R"("unknownField": {"kept": [1, 2]})");
  cluster.admin().merge_patch(project.collection("warehouses") + "/app",
                              R"({"metadata": {"annotations": {"other": "stays"}}})");
  const Json before = project.warehouse("app");
  push_until(url, sign(cloud_push(project.repository(), "main"), kSecret), 1);
  const Json after = project.warehouse("app");
  CHECK(after.at("/spec") == before.at("/spec"));
  CHECK(after.at("/metadata/generation") == before.at("/metadata/generation"));
  CHECK(after.at("/metadata/annotations/other") == "stays");
  CHECK_FALSE(refresh_of(after).empty());
}

TEST_CASE("a Warehouse that changes its subscription is found by the new one only", "[push]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  project.add_warehouse("app", project.repository("old"));
  push_until(url, sign(cloud_push(project.repository("old"), "main"), kSecret), 1);
  cluster.admin().merge_patch(project.collection("warehouses") + "/app",
                              R"({"spec": {"subscriptions": [{"git": {"repoURL": ")" +
                                  project.repository("new") + R"("}}]}})");
  push_until(url, sign(cloud_push(project.repository("new"), "main"), kSecret), 1);
  CHECK(text_of(post(url, sign(cloud_push(project.repository("old"), "main"), kSecret))) ==
        refreshed(0));

  cluster.admin().remove(project.collection("warehouses") + "/app");
  push_until(url, sign(cloud_push(project.repository("new"), "main"), kSecret), 0);
}

}  // namespace receiver::test
