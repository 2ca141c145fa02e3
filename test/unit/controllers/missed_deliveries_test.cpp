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
const clock::Steady::time_point kSteadyNow = clock::Steady::time_point() + 1h;

std::optional<FailedDelivery> failed_ago(clock::Wall::duration ago) {
  return FailedDelivery{.when = kBitbucketsNow - ago};
}

}  // namespace

TEST_CASE("a failed delivery is news once") {
  MissedDeliveries missed;
  CHECK_FALSE(missed.is_news("SHOP/app", {}, kBitbucketsNow, kSteadyNow));
  CHECK(missed.is_news("SHOP/app", failed_ago(1min), kBitbucketsNow, kSteadyNow));
  CHECK_FALSE(missed.is_news("SHOP/app", failed_ago(1min), kBitbucketsNow + 5min, kSteadyNow));
  CHECK_FALSE(missed.is_news("SHOP/app", failed_ago(2min), kBitbucketsNow + 5min, kSteadyNow));
  CHECK_FALSE(missed.is_news("SHOP/app", {}, kBitbucketsNow + 5min, kSteadyNow));
  CHECK(missed.is_news("SHOP/app", failed_ago(-1ms), kBitbucketsNow + 5min, kSteadyNow));
  CHECK(missed.is_news("SHOP/web", failed_ago(1min), kBitbucketsNow,
                       kSteadyNow));  // each repository by itself
}

TEST_CASE("at the first look failures of the last quarter of an hour are news") {
  MissedDeliveries missed;
  CHECK(missed.is_news("new", failed_ago(15min - 1ms), kBitbucketsNow, kSteadyNow));
  CHECK_FALSE(missed.is_news("old", failed_ago(15min), kBitbucketsNow, kSteadyNow));
  // An old failure stays old, however late the next look is; a newer one counts.
  CHECK_FALSE(missed.is_news("old", failed_ago(15min), kBitbucketsNow + 24h, kSteadyNow));
  CHECK(missed.is_news("old", failed_ago(14min), kBitbucketsNow + 24h, kSteadyNow));
}

TEST_CASE("a first look that comes late misses nothing since the repository was wanted") {
  MissedDeliveries missed;
  missed.keep({"app", "web"}, kSteadyNow);
  missed.keep({"app", "web"}, kSteadyNow + 50min);  // again
  const auto is_news = [&](const char* repository, clock::Wall::duration ago) {
    return missed.is_news(repository, failed_ago(ago), kBitbucketsNow, kSteadyNow + 1h);
  };
  CHECK_FALSE(is_news("web", 75min));
  CHECK(is_news("app", 75min - 1ms));
}

TEST_CASE("many repositories take no time", "[single-threaded]") {
  std::set<std::string> names;
  for (int i = 0; i < 100'000; ++i) names.insert(std::to_string(i));
  MissedDeliveries missed;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) missed.keep(names, kSteadyNow);
  CHECK(std::chrono::steady_clock::now() - begun < 30s);  // it would be minutes
}

TEST_CASE("what is not wanted any more is forgotten") {
  MissedDeliveries missed;
  CHECK(missed.is_news("SHOP/app", failed_ago(1min), kBitbucketsNow, kSteadyNow));
  CHECK(missed.is_news("SHOP/web", failed_ago(1min), kBitbucketsNow, kSteadyNow));
  missed.keep({"SHOP/app"}, kSteadyNow);
  CHECK_FALSE(missed.is_news("SHOP/app", failed_ago(1min), kBitbucketsNow, kSteadyNow));
  CHECK(missed.is_news("SHOP/web", failed_ago(1min), kBitbucketsNow, kSteadyNow));
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
