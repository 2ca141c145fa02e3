#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "test/bitbucket_server/bitbucket_server.h"
#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"

namespace receiver::test {
namespace {

using bitbucket::Source;

constexpr const char* kAdminToken = "token-of-the-tests-of-the-registrar";
constexpr const char* kPublicUrl = "https://hooks.example.com/kargo";

}  // namespace

TEST_CASE("webhooks register themselves, and are put right by another leader", "[registrar]") {
  const Cluster cluster;
  BitbucketServer bitbucket(Source::kDataCenter);
  bitbucket.accept(std::string("Bearer ") + kAdminToken);
  for (const char* name : {"SHOP/app", "SHOP/web", "LOOT/web"}) bitbucket.add_repository(name);
  const Environment environment{
      {"EXTERNAL_WEBHOOK_SERVER_BASE_URL", kPublicUrl},
      {"BITBUCKET_HOSTS", "localhost:" + std::to_string(bitbucket.port())}};
  std::optional<Operator> op(std::in_place, cluster, environment);
  const Project project(cluster);
  project.put_secret("s", {{"secret", kSecret},
                           {"bitbucket.token", kAdminToken},
                           {"bitbucket.url", bitbucket.url()},
                           {"bitbucket.ca", bitbucket.ca_pem()},
                           {"bitbucket.register", "true"},
                           {"bitbucket.allow", "SHOP\n"}});
  project.declare({{"bb", "s"}});
  project.await_ready();
  const auto subscribe = [&](const std::string& name, const std::string& repository) {
    project.add_warehouse(name, bitbucket.url() + "/scm/" + repository + ".git");
  };
  subscribe("app", "shop/app");
  subscribe("loot", "loot/web");
  const auto count = [&](const std::string& name) { return bitbucket.webhooks(name).size(); };
  const auto made = std::chrono::steady_clock::now();
  eventually("the webhook is made", [&] { return count("SHOP/app") == 1; });
  CHECK(std::chrono::steady_clock::now() - made < std::chrono::seconds(10));

  // What Bitbucket now holds is what the operator takes.
  const StoredWebhook webhook = bitbucket.webhooks("SHOP/app").at(0);
  const std::string path = receiver_path(project.name(), "bb", kSecret);
  CHECK(webhook.url == kPublicUrl + path);
  CHECK(webhook.events == std::vector<std::string>{"repo:refs_changed"});
  const Delivery push = sign(
      data_center_push({bitbucket.url() + "/scm/shop/app.git"}, "refs/heads/main"), webhook.secret);
  eventually_equals(
      "a push is delivered", [&] { return text_of(post(op->url("/kargo" + path), push)); },
      kRefreshed);

  subscribe("web", "shop/web");
  eventually("the next one is made", [&] { return count("SHOP/web") == 1; });
  // A leader that knows nothing of them looks at all, and puts right what is not.
  StoredWebhook drifted = webhook;
  drifted.events = {"repo:forked"};
  bitbucket.add_repository("SHOP/app", {drifted});
  op.reset();
  op.emplace(cluster, environment);
  eventually("it is put right",
             [&] { return bitbucket.webhooks("SHOP/app").at(0).events.size() == 2; });
  CHECK(count("SHOP/app") == 1);
  CHECK(count("SHOP/web") == 1);
  CHECK(count("LOOT/web") == 0);
  for (const std::string& request : bitbucket.requests()) {
    CHECK_THAT(request, !Catch::Contains("LOOT"));
  }
}

}  // namespace receiver::test
