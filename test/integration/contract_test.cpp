#include "test/integration/contract.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/cluster.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"
#include "test/support/raw_client.h"

namespace receiver::test {

namespace {

constexpr const char* kRotatedSecretName = "rotated";

std::string bytes_of(const SentRequest& sent, const std::string& path) {
  std::string text = fmt::format("{} {}{}{} HTTP/1.1\r\nHost: hooks.example.com\r\n", sent.method,
                                 sent.origin, path, sent.query);
  for (const auto& [name, value] : sent.headers) text += name + ": " + value + "\r\n";
  switch (sent.framing) {
    case SentRequest::Framing::kNone:
      return text + "\r\n";
    case SentRequest::Framing::kAnnounced:
      return text + fmt::format("Content-Length: {}\r\n\r\n", sent.body.size());
    case SentRequest::Framing::kLength:
      return text + fmt::format("Content-Length: {}\r\n\r\n", sent.body.size()) + sent.body;
    case SentRequest::Framing::kChunked:
      break;
  }
  text += "Transfer-Encoding: chunked\r\n\r\n";
  const std::size_t piece = std::max<std::size_t>(7, sent.body.size() / 100);
  for (std::size_t at = 0; at < sent.body.size(); at += piece) {
    const std::string part = sent.body.substr(at, piece);
    text += fmt::format("{:x}\r\n{}\r\n", part.size(), part);
  }
  return text + "0\r\n\r\n";
}

/// Projects, receivers, Warehouses and Promotions, and an operator that has seen them all.
class World {
 public:
  World();

  [[nodiscard]] unsigned short port() const { return operator_->port(); }
  [[nodiscard]] std::string path(At at) const;
  /// The objects refreshed since the last call.
  [[nodiscard]] Names take_refreshed();

 private:
  void add_warehouses() const;
  void add_promotion(const Project& project, const Waiting& waiting) const;

  Cluster cluster_;
  Project project_;
  Project other_;
  /// Its name and its receiver's name, concatenated, are the same text as those of project_.
  Project sharing_;
  std::string everywhere_ = unique_name();
  std::optional<ClusterConfig> cluster_config_;
  std::optional<Operator> operator_;
  std::map<std::string, std::string> tokens_;
};

World::World()
    : project_(cluster_),
      other_(cluster_),
      sharing_(cluster_, Project::Secrets::kReadable, project_.name() + "-x") {
  project_.put_secret("current", {{"secret", kSecret}});
  project_.put_secret(kRotatedSecretName,
                      {{"secret", kSecret}, {"secret.previous", kPreviousSecret}});
  project_.declare({{"bb", "current"}, {"rotated", kRotatedSecretName}, {"-x-shared", "current"}});
  sharing_.put_secret("current", {{"secret", kSecret}});
  sharing_.declare({{"-shared", "current"}});
  put_secret(cluster_.admin(), kSystemNamespace, everywhere_, {{"secret", kSecret}});
  cluster_config_.emplace(cluster_, everywhere_, everywhere_);
  add_warehouses();
  for (const Waiting& waiting : kPromotions) add_promotion(project_, waiting);
  add_promotion(other_, *std::find_if(kPromotions.begin(), kPromotions.end(), [](const Waiting& w) {
                  return std::string_view(w.promotion) == "dc-27";
                }));

  operator_.emplace(cluster_);
  (void)take_refreshed();
}

void World::add_warehouses() const {
  for (const auto* table : {&kCloudWarehouses, &kDataCenterWarehouses}) {
    for (const auto& [name, repository, git] : *table) {
      project_.add_warehouse(name, repository, git);
    }
  }
  const char* cloud = "https://bitbucket.org/kargo-orchard/fruit-basket";
  const char* feature = R"("branch": "feature/late-apples")";
  other_.add_warehouse("feature", cloud, feature);
  sharing_.add_warehouse("feature", cloud, feature);
  // Subscriptions of other kinds, which no push affects.
  cluster_.admin().create(
      project_.collection("warehouses"),
      R"({"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Warehouse", "metadata": {"name": "no-git"},
          "spec": {"subscriptions": [{"image": {"repoURL": "bitbucket.org/kargo-orchard/fruit-basket"}},
                                     {"chart": {"repoURL": "https://bitbucket.org/kargo-orchard/fruit-basket"}},
                                     {"plugin": {"repoURL": 7}}]}})");
}

void World::add_promotion(const Project& project, const Waiting& waiting) const {
  const std::string collection = project.collection("promotions");
  cluster_.admin().create(
      collection, fmt::format(R"({{"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Promotion",
                                   "metadata": {{"name": "{}"}}, "spec": {{"steps": {}}}}})",
                              waiting.promotion, waiting.steps));
  cluster_.admin().merge_patch(collection + "/" + waiting.promotion + "/status",
                               fmt::format(R"({{"status": {}}})", waiting.status));
}

std::string World::path(At at) const {
  switch (at) {
    case At::kReceiver:
      return receiver_path(project_.name(), "bb", kSecret);
    case At::kRotated:
      return receiver_path(project_.name(), "rotated", kSecret);
    case At::kRotatedPrevious:
      return receiver_path(project_.name(), "rotated", kPreviousSecret);
    case At::kShared:
      return receiver_path(sharing_.name(), "-shared", kSecret);
    case At::kClusterConfig:
      return receiver_path("", everywhere_, kSecret);
    case At::kNowhere:
      return receiver_path(project_.name(), "bb", "a-secret-of-nobody");
    case At::kHealth:
      return "/healthz";
    case At::kRoot:
      return "/";
  }
  return {};
}

Names World::take_refreshed() {
  Names refreshed;
  for (const auto& [project, prefix] :
       {std::pair(&project_, ""), std::pair(&other_, "other/"), std::pair(&sharing_, "sharing/")}) {
    for (const char* plural : {"warehouses", "promotions"}) {
      const std::string collection = project->collection(plural);
      const Json list = cluster_.admin().get(collection);
      for (std::size_t index = 0; index < list.size_at("/items"); ++index) {
        const Json item(list.at("/items/" + std::to_string(index)));
        const std::string name = item.at("/metadata/name");
        std::string& token = tokens_[collection + "/" + name];
        if (token != refresh_of(item)) refreshed.insert(prefix + name);
        token = refresh_of(item);
      }
    }
  }
  return refreshed;
}

void check(World& world, const Case& expected) {
  INFO(expected.name);
  RawClient client(world.port());
  client.send(bytes_of(expected.sent, world.path(expected.sent.at)));
  const RawAnswer answer = client.read_answer(expected.sent.method != "HEAD");
  CHECK(std::to_string(answer.status) + " " + answer.body == expected.answer);
  CHECK(answer.says("Content-Type: application/json"));
  if (!expected.header.empty()) CHECK(answer.says(expected.header));
  CHECK(answer.says("Connection: close") == expected.closes);
  if (expected.closes) CHECK(client.ends());
  CHECK(world.take_refreshed() == expected.refreshed);
}

}  // namespace

TEST_CASE("the contract of the webhook port, row by row", "[contract]") {
  World world;
  for (const auto& table : {cloud_pushes(), data_center_pushes(), pull_requests(), signatures(),
                            framings(), receivers(), refusals()}) {
    REQUIRE_FALSE(table.empty());
    for (const Case& expected : table) check(world, expected);
  }
}

}  // namespace receiver::test
