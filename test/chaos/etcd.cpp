#include "test/chaos/etcd.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "crypto/crypto.h"
#include "test/support/delivery.h"
#include "test/support/json.h"

namespace receiver::chaos {
namespace {

/// etcd allows 128 operations per transaction.
constexpr std::size_t kAtOnce = 100;

std::string prefix_of(const std::string& ns) {
  return "/registry/kargo.akuity.io/warehouses/" + ns + "/";
}

std::string warehouse_json(const std::string& ns, const std::string& name,
                           const std::string& repository, std::size_t number) {
  return fmt::format(
      R"({{"apiVersion":"kargo.akuity.io/v1alpha1","kind":"Warehouse","metadata":{{)"
      R"("creationTimestamp":"2026-01-02T03:04:05Z","generation":1,"name":"{}","namespace":"{}",)"
      R"("uid":"{:08x}-0000-4000-8000-{:012x}"}},)"
      R"("spec":{{"subscriptions":[{{"git":{{"repoURL":"{}"}}}}]}}}})",
      name, ns, std::hash<std::string>()(repository) & 0xffffffff, number, repository);
}

}  // namespace

Etcd::Etcd(const test::Cluster& cluster)
    : origin_("http://127.0.0.1:" + cluster.setting("ETCD_PORT")) {}

std::string Etcd::post(const std::string& path, std::string body) const {
  http::Response answer = test::send(origin_ + path, {"POST", {}, {}, std::move(body)});
  if (answer.status != 200) throw std::runtime_error("etcd " + path + ": " + answer.body);
  return std::move(answer.body);
}

void Etcd::compact() const {
  // The last seen revision is in the past.
  const test::Json now(
      post("/v3/kv/put", fmt::format(R"({{"key": "{}"}})", crypto::base64_encode("/chaos"))));
  post("/v3/kv/compaction", fmt::format(R"({{"revision": "{}"}})", now.at("/header/revision")));
}

void Etcd::create_warehouses(const std::string& ns, const std::string& slug,
                             const std::string& repository, std::size_t count) const {
  for (std::size_t begin = 0; begin < count; begin += kAtOnce) {
    std::string operations;
    for (std::size_t number = begin; number < std::min(begin + kAtOnce, count); ++number) {
      const std::string name = fmt::format("{}-{}", slug, number);
      operations +=
          fmt::format(R"({}{{"request_put": {{"key": "{}", "value": "{}"}}}})",
                      operations.empty() ? "" : ", ", crypto::base64_encode(prefix_of(ns) + name),
                      crypto::base64_encode(warehouse_json(ns, name, repository, number)));
    }
    post("/v3/kv/txn", R"({"success": [)" + operations + "]}");
  }
}

void Etcd::delete_warehouses(const std::string& ns) const {
  std::string behind = prefix_of(ns);
  ++behind.back();
  post("/v3/kv/deleterange",
       fmt::format(R"({{"key": "{}", "range_end": "{}"}})", crypto::base64_encode(prefix_of(ns)),
                   crypto::base64_encode(behind)));
}

}  // namespace receiver::chaos
