#include "controllers/missed_deliveries.h"

#include <algorithm>

#include <catch2/catch.hpp>

#include "json/json.h"

namespace receiver::controllers {
namespace {

using namespace std::chrono_literals;
using bitbucket::Source;
using bitbucket_rest::FailedDelivery;

const clock::Wall::time_point kBitbucketsNow = *clock::parse_rfc3339("2026-01-02T03:00:00Z");

std::optional<FailedDelivery> failed_ago(clock::Wall::duration ago) {
  return FailedDelivery{.when = kBitbucketsNow - ago};
}

}  // namespace

TEST_CASE("a failed delivery is news once") {
  MissedDeliveries missed;
  CHECK_FALSE(missed.is_news("SHOP/app", {}, kBitbucketsNow));
  CHECK(missed.is_news("SHOP/app", failed_ago(1min), kBitbucketsNow));
  CHECK_FALSE(missed.is_news("SHOP/app", failed_ago(1min), kBitbucketsNow + 5min));
  CHECK_FALSE(missed.is_news("SHOP/app", failed_ago(2min), kBitbucketsNow + 5min));
  CHECK_FALSE(missed.is_news("SHOP/app", {}, kBitbucketsNow + 5min));
  CHECK(missed.is_news("SHOP/app", failed_ago(-1ms), kBitbucketsNow + 5min));
  CHECK(
      missed.is_news("SHOP/web", failed_ago(1min), kBitbucketsNow));  // each repository separately
}

TEST_CASE("at the first look failures of the last quarter of an hour are news") {
  MissedDeliveries missed;
  CHECK(missed.is_news("new", failed_ago(15min - 1ms), kBitbucketsNow));
  CHECK_FALSE(missed.is_news("old", failed_ago(15min), kBitbucketsNow));
  // A failure that was too old stays old, however late the next look is; a newer one does not.
  CHECK_FALSE(missed.is_news("old", failed_ago(15min), kBitbucketsNow + 24h));
  CHECK(missed.is_news("old", failed_ago(14min), kBitbucketsNow + 24h));
}

TEST_CASE("what is not wanted any more is forgotten") {
  MissedDeliveries missed;
  CHECK(missed.is_news("SHOP/app", failed_ago(1min), kBitbucketsNow));
  CHECK(missed.is_news("SHOP/web", failed_ago(1min), kBitbucketsNow));
  missed.keep({{Source::kDataCenter, "https://git.example.com", "SHOP", "app"}});
  CHECK_FALSE(missed.is_news("SHOP/app", failed_ago(1min), kBitbucketsNow));
  CHECK(missed.is_news("SHOP/web", failed_ago(1min), kBitbucketsNow));
}

TEST_CASE("Warehouses subscribe to a repository however its URL is written") {
  kube::Store<api::Warehouse> warehouses(api::decode_warehouse);
  const auto put = [&](const std::string& ns, const std::string& name, const std::string& url) {
    kube::ObjectMeta meta;
    meta.key = {ns, name};
    const auto object =
        json::parse(R"({"spec": {"subscriptions": [{"git": {"repoURL": ")" + url + "\"}}]}}");
    REQUIRE(warehouses.upsert(meta, *object));
  };
  put("a", "https", "https://git.example.com/scm/shop/app.git");
  put("a", "ssh", "ssh://git@git.example.com:7999/SHOP/App.git");
  put("a", "other", "https://git.example.com/scm/shop/web.git");
  put("a", "elsewhere", "https://bitbucket.org/shop/app");
  put("b", "https", "https://git.example.com/scm/shop/app");
  BitbucketAccess access;
  access.product = Source::kDataCenter;
  access.server = "https://git.example.com";
  const auto of = [&](const std::string& project) {
    auto found = subscribers(project, access, {Source::kDataCenter, access.server, "SHOP", "app"},
                             warehouses);
    std::ranges::sort(found);
    return found;
  };
  constexpr auto kWarehouse = TargetKind::kWarehouse;
  CHECK(of("a") == std::vector<Target>{{kWarehouse, {"a", "https"}}, {kWarehouse, {"a", "ssh"}}});
  CHECK(of("b") == std::vector<Target>{{kWarehouse, {"b", "https"}}});
  CHECK(of("").size() == 3);
  CHECK(of("c").empty());
}

}  // namespace receiver::controllers
