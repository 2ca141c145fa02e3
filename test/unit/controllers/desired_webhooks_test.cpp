#include "controllers/desired_webhooks.h"

#include <catch2/catch.hpp>

#include "json/json.h"

namespace receiver::controllers {
namespace {

using Names = std::vector<std::string>;

const BaseUrl kKargoBase{"https://hooks.example.com", "/kargo"};
const std::set<std::string> kUrls{
    "https://bitbucket.org/acme/shop",      "git@bitbucket.org:acme/shop.git",
    "https://bitbucket.org/Acme/Shop.git",  "https://bitbucket.org/loot/web",
    "https://git.example.com/scm/ac/a.git", "https://git.example.com/scm/AC/A.git",
    "https://github.com/acme/shop"};

/// Of a receiver `bb`, whose Secret has these keys beside a token.
struct Given {
  bool registers = true;
  std::optional<std::string> allow{};
  std::optional<std::string> previous{};
  api::OwnerKind kind = api::OwnerKind::kProjectConfig;
  std::string server = std::string(bitbucket_rest::kCloudApi);
  bool watched = true;
  std::string uid = "u";  ///< of the Secret
  std::string version = "1";
  std::string owner_uid = "uid-1";
  std::string token = "token";
};

api::ReceiverOwner owner_given(const Given& given) {
  api::ReceiverOwner owner;
  owner.kind = given.kind;
  const bool of_project = given.kind == api::OwnerKind::kProjectConfig;
  owner.meta.key = {of_project ? "demo" : "", of_project ? "demo" : "cluster"};
  owner.meta.uid = given.owner_uid;
  owner.receivers = {{.name = "bb", .bitbucket = true, .secret_name = "s"},
                     {.name = "plain", .bitbucket = true, .secret_name = "without"}};
  return owner;
}

std::vector<DesiredWebhooks> desired(const Given& given, bool pull_requests = false) {
  const auto text = [](const std::string& value) {
    return crypto::SecretString(std::string(value));
  };
  auto keys = std::make_shared<api::BitbucketKeys>();
  keys->token = text(given.token);
  keys->registers = text(given.registers ? "true" : "false");
  if (given.allow) keys->allow = text(*given.allow);
  if (given.server != bitbucket_rest::kCloudApi) keys->url = text(given.server);
  keys->uid = given.uid;
  keys->resource_version = given.version;
  const api::ReceiverOwner owner = owner_given(given);
  const SecretLookup secrets = [&](std::string_view name) {
    SecretState state{.known = SecretState::Known::kPresent, .why = {}, .secret = {}};
    state.watched = given.watched;
    state.secret.value = text("the-secret-of-the-receiver");
    if (given.previous) state.secret.previous = text(*given.previous);
    if (name == "s") state.secret.bitbucket = keys;
    return state;
  };
  const BitbucketHosts hosts = *BitbucketHosts::parse("git.example.com");
  return desired_webhooks(owner, derive_receivers(owner, secrets, kKargoBase, &hosts), kKargoBase,
                          {.urls = kUrls, .pull_requests = pull_requests});
}

void put(kube::ObjectSink& store, const kube::ObjectKey& key, const std::string& text) {
  const auto object = json::parse(text);
  REQUIRE(object);
  kube::ObjectMeta meta;
  meta.key = key;
  REQUIRE(store.upsert(meta, *object));
}

Names names(const std::vector<bitbucket_rest::Repository>& repositories) {
  Names names;
  for (const auto& repository : repositories) names.push_back(repository.name());
  return names;
}

}  // namespace

TEST_CASE("a project's receivers reach its own objects, the ClusterConfig's all") {
  const auto warehouse = [](const std::string& first, const std::string& second) {
    return R"({"spec": {"subscriptions": [{"git": {"repoURL": ")" + first +
           R"("}}, {"git": {"repoURL": ")" + second + "\"}}]}}";
  };
  const auto promotion = [](const std::string& phase) {
    return R"({"spec": {"steps": [{"uses": "git-wait-for-pr", "as": "wait"}]}, "status": {"phase": ")" +
           phase +
           R"(", "currentStep": 0, "state": {"wait": {"pr": {"url": "https://b/pull/1"}}}}})";
  };
  kube::Store<api::Warehouse> warehouses(api::decode_warehouse);
  kube::Store<api::Promotion> promotions(api::decode_promotion);
  put(warehouses, {"a", "one"}, warehouse("https://a/1", "https://a/2"));
  put(warehouses, {"b", "one"}, warehouse("https://b/1", "https://b/1"));
  put(promotions, {"b", "waits"}, promotion("Running"));
  put(promotions, {"a", "over"}, promotion("Succeeded"));
  const auto reached = reached_by({"", "a", "c"}, warehouses, promotions, {});
  REQUIRE(reached.size() == 3);
  CHECK(reached.at("").urls == std::set<std::string>{"https://a/1", "https://a/2", "https://b/1"});
  CHECK(reached.at("").pull_requests);
  CHECK(reached.at("a").urls == std::set<std::string>{"https://a/1", "https://a/2"});
  CHECK_FALSE(reached.at("a").pull_requests);
  CHECK(reached.at("c").urls.empty());

  // Before any Promotion runs, the Stages say so.
  const kube::Store<api::Promotion> none(api::decode_promotion);
  const auto by_stages = reached_by({"", "a", "c"}, warehouses, none, {"a", "b"});
  CHECK(by_stages.at("").pull_requests);
  CHECK(by_stages.at("a").pull_requests);
  CHECK_FALSE(by_stages.at("c").pull_requests);
}

TEST_CASE("a Warehouse is looked at when it subscribes to other repositories") {
  const auto warehouse = [](const std::vector<std::string>& urls, const std::string& branch = "") {
    api::Warehouse one;
    for (const std::string& url : urls) {
      one.subscriptions.emplace_back();
      one.subscriptions.back().repo_url = url;
      one.subscriptions.back().branch = branch;
    }
    return std::make_shared<const api::Warehouse>(std::move(one));
  };
  CHECK(same_repositories(nullptr, nullptr));
  CHECK(same_repositories(nullptr, warehouse({})));
  CHECK(same_repositories(warehouse({"a", "b"}), warehouse({"b", "a", "a"}, "another")));
  CHECK_FALSE(same_repositories(nullptr, warehouse({"a"})));
  CHECK_FALSE(same_repositories(warehouse({"a"}), nullptr));
  CHECK_FALSE(same_repositories(warehouse({"a"}), warehouse({"a", "b"})));
  CHECK_FALSE(same_repositories(warehouse({"a"}), warehouse({"b"})));
}

TEST_CASE("webhooks are wanted where Warehouses subscribe, within what the Secret allows") {
  constexpr auto kCluster = api::OwnerKind::kClusterConfig;
  struct Row {
    const char* rule;
    Given given;
    Names repositories;
    Names outside;
    bool problem = false;
  };
  for (const Row& row : std::vector<Row>{
           {"each once, however it is written, and of this Bitbucket only",
            {},
            {"acme/shop", "loot/web"},
            {}},
           {"of the Data Center that is named",
            {.server = "https://git.example.com"},
            {"AC/a"},
            {}},
           {"within the bounds", {.allow = "acme\n"}, {"acme/shop"}, {"loot/web"}},
           {"an empty list allows nothing",
            {.allow = "# nothing\n"},
            {},
            {"acme/shop", "loot/web"}},
           {"so does an empty key", {.allow = ""}, {}, {"acme/shop", "loot/web"}},
           {"nowhere by the ClusterConfig without bounds", {.kind = kCluster}, {}, {}, true},
           {"by the ClusterConfig within its bounds",
            {.allow = "loot", .kind = kCluster},
            {"loot/web"},
            {"acme/shop"}},
       }) {
    INFO(row.rule);
    const auto all = desired(row.given);
    REQUIRE(all.size() == 1);
    CHECK(all[0].receiver == "bb");
    CHECK(names(all[0].repositories) == row.repositories);
    CHECK(all[0].outside == row.outside);
    CHECK(all[0].problem.empty() != row.problem);
  }
  CHECK(desired({.registers = false}).empty());
  CHECK(desired({.allow = "two words"}).empty());  // it is no bound that anybody meant
}

TEST_CASE("a webhook is wanted as the receiver is served") {
  const DesiredWebhooks plain = desired({}).at(0);
  CHECK(plain.wanted.name == "Kargo demo/bb");
  CHECK(plain.wanted.mark == bitbucket_rest::webhook_mark("uid-1", "bb"));
  CHECK(plain.wanted.url ==
        "https://hooks.example.com" +
            receiver_path(kKargoBase, "demo", "bb", "the-secret-of-the-receiver"));
  CHECK(plain.wanted.secret.view() == "the-secret-of-the-receiver");
  CHECK_FALSE(plain.wanted.former_url);
  CHECK_FALSE(plain.wanted.pull_requests);
  CHECK(plain.watched);
  CHECK_FALSE(desired({.watched = false}).at(0).watched);
  CHECK(desired({}, true).at(0).wanted.pull_requests);
  CHECK(desired({.previous = "old"}).at(0).wanted.former_url ==
        "https://hooks.example.com" + receiver_path(kKargoBase, "demo", "bb", "old"));
  CHECK(desired({.allow = "acme", .kind = api::OwnerKind::kClusterConfig}).at(0).wanted.name ==
        "Kargo bb");
}

TEST_CASE("a wish changes with whatever its webhooks depend on, and holds no secret") {
  const std::string plain = desired({}).at(0).wish();
  CHECK(desired({}).at(0).wish() == plain);
  CHECK(desired({}, true).at(0).wish() != plain);
  for (const Given& given :
       std::vector<Given>{{.previous = "old"}, {.owner_uid = "uid-2"}, {.token = "another"}}) {
    CHECK(desired(given).at(0).wish() != plain);
  }
  // Of the Secret itself, and of its other keys, nothing depends.
  for (const Given& given : std::vector<Given>{{.uid = "u2"}, {.version = "2"}}) {
    CHECK(desired(given).at(0).wish() == plain);
  }
  CHECK_THAT(plain, !Catch::Contains("the-secret-of-the-receiver") && !Catch::Contains("token"));
}

}  // namespace receiver::controllers
