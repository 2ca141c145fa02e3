#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/bitbucket_server/bitbucket_server.h"
#include "test/bitbucket_server/connect_proxy.h"
#include "test/support/cluster.h"
#include "test/support/commits.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"
#include "test/support/scripted_server.h"
#include "test/support/test_certificates.h"

namespace receiver::test {

namespace {

using bitbucket::Source;

constexpr const char* kReadToken = "token-of-the-tests";
constexpr const char* kDeceivedToken = "token-that-is-told-lies";
constexpr const char* kCloudToken = "token-of-bitbucket-cloud";

constexpr const char* kSpared = "bitbucket_receiver_refreshes_spared_total";
const std::string kRefreshedNone = "200 {\"msg\":\"refreshed 0 warehouse(s)\"}\n";
const std::string kRefreshedTwo = "200 {\"msg\":\"refreshed 2 warehouse(s)\"}\n";

std::string data_center_change(const std::string& path) {
  return R"({"isLastPage":true,"start":0,"size":1,"values":[{"type":"MODIFY","path":{"toString":")" +
         path + R"("}}]})";
}

std::string cloud_change(const std::string& path) {
  return fmt::format(
      R"({{"pagelen":500,"page":1,"size":1,"values":[{{"type":"diffstat","status":"modified",)"
      R"("old":{{"path":"{0}"}},"new":{{"path":"{0}"}}}}]}})",
      path);
}

/// A Data Center that reports one changed file for every commit; another file if the token is
/// kDeceivedToken.
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
  [[nodiscard]] std::map<std::string, std::string> keys(const char* token = kReadToken) const {
    return {{"secret", kSecret},
            {"bitbucket.token", token},
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
      const bool lies = request->find(kDeceivedToken) != std::string::npos;
      peer.answer(data_center_change(lies ? "README.md" : path_));
    }
  }

  const std::string path_;
  const TestAuthority authority_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  ScriptedServer server_;
};

/// Sends pushes until one spares this number of Warehouses: then the operator has seen them all.
void await_spared(const Operator& op, double count, const std::function<void()>& push) {
  eventually("the operator has seen the Warehouses", [&] {
    const double before = op.metric(kSpared);
    push();
    return op.metric(kSpared) - before == count;
  });
}

std::string token_of(const Project& project, const std::string& warehouse) {
  return refresh_of(project.warehouse(warehouse));
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
  await_spared(op, 2, [&] { push_to(url, data_center_commit(repository, ++number)); });
  const auto before = std::set{token_of(project, "api"), token_of(project, "docs")};
  const std::string web = token_of(project, "web");
  CHECK(push_to(url, data_center_commit(repository, ++number)) == kRefreshed);
  CHECK(token_of(project, "web") != web);
  CHECK(std::set{token_of(project, "api"), token_of(project, "docs")} == before);

  for (const std::string& request : center.requests()) {
    CHECK_THAT(request, Catch::Contains("GET /rest/api/latest/projects/") &&
                            Catch::Contains("/repos/app/changes?") &&
                            Catch::Contains(std::string("Authorization: Bearer ") + kReadToken));
  }
  // The same commit is asked about only once.
  const std::size_t asked = center.requests().size();
  CHECK(push_to(url, data_center_commit(repository, number)) == kRefreshed);
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
      [&] { return push_to(url, data_center_commit(repository, 2)); }, kRefreshed);
  CHECK(center.connections() == 0);

  // Nor does it without a token. The loss of the token is reported.
  project.put_secret("s", {{"secret", kSecret}});
  eventually("an Event tells", [&] { return !project.events("BitbucketTokenRemoved").empty(); });
  CHECK(push_to(url, data_center_commit(repository, 2)) == kRefreshed);
  CHECK(center.connections() == 0);
}

TEST_CASE("a Bitbucket that lies to one receiver spares nobody else's Warehouses",
          "[changed_files]") {
  const Cluster cluster;
  const DataCenter center("apps/web/main.go");
  const Operator op(cluster, {{"BITBUCKET_HOSTS", center.host()}});
  const Project deceived(cluster);
  const Project other(cluster);
  deceived.put_secret("s", center.keys(kDeceivedToken));
  deceived.declare({{"bb", "s"}});
  deceived.await_ready();
  const std::string receiver = unique_name();
  put_secret(cluster.admin(), kSystemNamespace, receiver, center.keys());
  const ClusterConfig config(cluster, receiver, receiver);
  const std::string cluster_url = op.url(receiver_path("", receiver, kSecret));
  eventually_equals(
      "the URL is published", [&] { return published_url(config.get(), receiver); }, cluster_url);
  const std::string url = op.url(receiver_path(deceived.name(), "bb", kSecret));
  const std::string repository = center.url() + "/scm/" + deceived.name() + "/app.git";
  deceived.add_warehouse("web", repository, only("apps/web"));
  other.add_warehouse("web", repository, only("apps/web"));
  const auto post_to = [&](const std::string& to, int number) {
    return push_to(to, data_center_commit(repository, number));
  };
  int number = 1;
  eventually_equals(
      "the operator has seen both", [&] { return post_to(cluster_url, ++number); }, kRefreshedTwo);

  // A lie spares only the Warehouses of the receiver that got it, and is not used for another.
  const std::string of_deceived = token_of(deceived, "web");
  const std::string of_other = token_of(other, "web");
  CHECK(post_to(url, ++number) == kRefreshedNone);
  CHECK(token_of(deceived, "web") == of_deceived);
  CHECK(post_to(cluster_url, number) == kRefreshedTwo);
  CHECK(token_of(deceived, "web") != of_deceived);
  CHECK(token_of(other, "web") != of_other);
  // Nor is the true answer used for the receiver that gets lies.
  CHECK(post_to(cluster_url, ++number) == kRefreshedTwo);
  CHECK(post_to(url, number) == kRefreshedNone);
}

TEST_CASE("Bitbucket Cloud is asked through HTTPS_PROXY, and who is in NO_PROXY is not",
          "[changed_files]") {
  const Cluster cluster;
  const std::string host = "api.bitbucket.org";
  BitbucketServer cloud(Source::kCloud, {.common_name = host, .alternative_names = "DNS:" + host},
                        host + ":443");
  cloud.accept(std::string("Bearer ") + kCloudToken);
  // This machine, by a name that needs no name server, and that only NO_PROXY exempts.
  const std::string here = "0x7f000001";
  BitbucketServer center(Source::kDataCenter,
                         {.common_name = here, .alternative_names = "DNS:" + here}, here);
  center.accept(std::string("Bearer ") + kReadToken);
  center.answer_reads([](const std::string& url) {
    const bool asked = url.find("/changes?") != std::string::npos;
    return asked ? Answer{.body = data_center_change("apps/web/main.go")} : Answer{.status = 404};
  });
  const ConnectProxy proxy(cloud.port());
  const Operator op(cluster, {{"HTTPS_PROXY", "http://" + proxy.address()},
                              {"NO_PROXY", here},
                              {"SSL_CERT_FILE", cloud.ca_file()},
                              {"BITBUCKET_HOSTS", fmt::format("{}:{}", here, center.port())}});
  const Project project(cluster);
  project.put_secret("cloud", {{"secret", kSecret}, {"bitbucket.token", kCloudToken}});
  project.put_secret("center", {{"secret", kSecret},
                                {"bitbucket.token", kReadToken},
                                {"bitbucket.url", center.url()},
                                {"bitbucket.ca", center.ca_pem()}});
  project.declare({{"cloud", "cloud"}, {"center", "center"}});
  project.await_ready();
  const std::string in_cloud = project.repository();
  const std::string in_center = center.url() + "/scm/shop/" + project.name() + ".git";
  cloud.answer_reads([asked = fmt::format("https://{}/2.0/repositories/{}/app/diffstat/", host,
                                          project.name())](const std::string& url) {
    return url.starts_with(asked) ? Answer{.body = cloud_change("apps/web/main.go")}
                                  : Answer{.status = 404};
  });
  for (const auto& [prefix, repository] :
       {std::pair("cloud-", in_cloud), std::pair("center-", in_center)}) {
    for (const std::string folder : {"web", "api", "docs"}) {
      project.add_warehouse(prefix + folder, repository, only("apps/" + folder));
    }
  }
  int number = 1;
  const std::string to_cloud = op.url(receiver_path(project.name(), "cloud", kSecret));
  const auto push_to_cloud = [&] { return push_to(to_cloud, cloud_commit(in_cloud, ++number)); };
  const std::string to_center = op.url(receiver_path(project.name(), "center", kSecret));
  const auto push_to_center = [&] {
    return push_to(to_center, data_center_commit(in_center, ++number));
  };

  await_spared(op, 2, push_to_cloud);
  const auto spared = [&](const std::string& prefix) {
    return std::set{token_of(project, prefix + "api"), token_of(project, prefix + "docs")};
  };
  const auto before = spared("cloud-");
  const std::string web = token_of(project, "cloud-web");
  const std::size_t asked = cloud.requests().size() + 1;
  CHECK(push_to_cloud() == kRefreshed);
  CHECK(token_of(project, "cloud-web") != web);
  CHECK(spared("cloud-") == before);
  CHECK(cloud.requests().size() == asked);
  CHECK(proxy.connects() == std::vector{host + ":443"});  // the one connection
  CHECK(center.requests().empty());

  await_spared(op, 2, push_to_center);
  const auto before_center = spared("center-");
  CHECK(push_to_center() == kRefreshed);
  CHECK(spared("center-") == before_center);
  CHECK_FALSE(center.requests().empty());
  CHECK(proxy.connects().size() == 1);
  CHECK(cloud.requests().size() == asked);
  // Each accepts only its own token.
  const std::string questions = "bitbucket_receiver_bitbucket_questions_total{product=";
  CHECK(op.sum_of_metrics(questions) ==
        static_cast<double>(cloud.requests().size() + center.requests().size()));
  CHECK(op.sum_of_metrics(questions + "\"cloud\",result=\"ok\"") == static_cast<double>(asked));
  CHECK(op.metric(
            "bitbucket_receiver_bitbucket_question_duration_seconds_count{product=\"cloud\"}") ==
        static_cast<double>(asked));
  CHECK_THAT(op.log(), !Catch::Contains(kCloudToken) && !Catch::Contains(kReadToken));
}

}  // namespace receiver::test
