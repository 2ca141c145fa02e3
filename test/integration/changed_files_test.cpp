#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"
#include "test/support/scripted_server.h"
#include "test/support/test_certificates.h"

namespace receiver::test {

namespace {

constexpr const char* kReadToken = "token-of-the-tests";

/// Of the n-th commit.
std::string hash_of(int number) {
  return fmt::format("{:040x}", number + 1);
}

/// A Data Center that tells of every commit that it changes one file.
class DataCenter {
 public:
  explicit DataCenter(std::string path)
      : path_(std::move(path)),
        server_([this](Peer& peer) { serve(peer); },
                ServerIdentity{.identity = authority_.issue(), .client_ca_pem = {}}) {}

  [[nodiscard]] std::string host() const { return fmt::format("localhost:{}", server_.port()); }
  [[nodiscard]] std::string url() const { return "https://" + host(); }
  [[nodiscard]] std::string ca() const { return authority_.pem(); }
  [[nodiscard]] int connections() const { return server_.accepted(); }
  /// The keys of a receiver's Secret.
  [[nodiscard]] std::map<std::string, std::string> keys() const {
    return {{"secret", kSecret},
            {"bitbucket.token", kReadToken},
            {"bitbucket.url", url()},
            {"bitbucket.ca", ca()}};
  }
  [[nodiscard]] std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve(Peer& peer) {
    while (const auto request = peer.request()) {
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(*request);
      }
      peer.answer(R"({"isLastPage":true,"start":0,"size":1,"values":[{"type":"MODIFY","path":)"
                  R"({"toString":")" +
                  path_ + R"("}}]})");
    }
  }

  const std::string path_;
  const TestAuthority authority_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  ScriptedServer server_;
};

/// One commit on top of another one, on `main`.
Delivery push_of(const std::string& repository, int number) {
  return sign(
      {"repo:refs_changed",
       fmt::format(
           R"({{"repository":{{"links":{{"clone":[{{"name":"http","href":"{}"}}]}}}},"changes":)"
           R"([{{"ref":{{"id":"refs/heads/main"}},"type":"UPDATE","fromHash":"{}","toHash":"{}"}}],)"
           R"("commits":[{{"id":"{}","parents":[{{"id":"{}"}}]}}]}})",
           repository, hash_of(number - 1), hash_of(number), hash_of(number), hash_of(number - 1))},
      kSecret);
}

std::string only(const std::string& folder) {
  return R"("branch": "main", "includePaths": [")" + folder + R"("])";
}

std::string token_of(const Project& project, const std::string& warehouse) {
  return project.warehouse(warehouse).at("/metadata/annotations/kargo.akuity.io~1refresh");
}

}  // namespace

TEST_CASE("of several Warehouses of a repository that is refreshed whose files changed",
          "[changed_files]") {
  const Cluster cluster;
  const DataCenter center("apps/web/main.go");
  const Operator op(cluster, {{"BITBUCKET_HOSTS", center.host()}});
  const Project project(cluster);
  project.put_secret("s", center.keys());
  project.declare({{"bb", "s"}});
  project.await_ready();
  const std::string url = op.url(receiver_path(project.name(), "bb", kSecret));
  const std::string repository = center.url() + "/scm/" + project.name() + "/app.git";
  project.add_warehouse("web", repository, only("apps/web"));
  project.add_warehouse("api", repository, only("apps/api"));
  project.add_warehouse("docs", repository, only("docs"));

  int number = 1;
  eventually_equals(
      "the operator has seen the Warehouses",
      [&] {
        const std::string answer = text_of(post(url, push_of(repository, ++number)));
        const bool spared = op.metric("bitbucket_receiver_refreshes_spared_total") >= 2;
        return spared ? answer : "nothing was spared: " + answer;
      },
      kRefreshed);
  const auto before = std::set{token_of(project, "api"), token_of(project, "docs")};
  const std::string web = token_of(project, "web");
  CHECK(text_of(post(url, push_of(repository, ++number))) == kRefreshed);
  CHECK(token_of(project, "web") != web);
  CHECK(std::set{token_of(project, "api"), token_of(project, "docs")} == before);

  for (const std::string& request : center.requests()) {
    CHECK_THAT(request, Catch::Contains("GET /rest/api/latest/projects/") &&
                            Catch::Contains("/repos/app/changes?") &&
                            Catch::Contains(std::string("Authorization: Bearer ") + kReadToken));
  }
  // The same commit is asked about once.
  const std::size_t asked = center.requests().size();
  CHECK(text_of(post(url, push_of(repository, number))) == kRefreshed);
  CHECK(center.requests().size() == asked);
  CHECK_THAT(op.log(), Catch::Contains("spared=2") && !Catch::Contains(kReadToken));
}

TEST_CASE("a project whose Bitbucket is not listed sends nothing there, and is told",
          "[changed_files]") {
  const Cluster cluster;
  const DataCenter center("README.md");
  const Operator op(cluster, {{"BITBUCKET_HOSTS", "git.example.com"}});
  const Project project(cluster);
  project.put_secret("s", center.keys());
  project.declare({{"bb", "s"}});
  project.await_ready();
  eventually("an Event tells", [&] {
    return project.events("BitbucketHostNotAllowed").find(center.host()) != std::string::npos;
  });
  const std::string url = op.url(receiver_path(project.name(), "bb", kSecret));
  const std::string repository = center.url() + "/scm/" + project.name() + "/app.git";
  project.add_warehouse("web", repository, only("apps/web"));
  eventually_equals(
      "the operator has seen the Warehouse",
      [&] { return text_of(post(url, push_of(repository, 2))); }, kRefreshed);
  CHECK(center.connections() == 0);

  // Nor does it where the token is missing; which is told once it was there.
  project.put_secret("s", {{"secret", kSecret}});
  eventually("an Event tells", [&] { return !project.events("BitbucketTokenRemoved").empty(); });
  CHECK(text_of(post(url, push_of(repository, 2))) == kRefreshed);
  CHECK(center.connections() == 0);
}

}  // namespace receiver::test
