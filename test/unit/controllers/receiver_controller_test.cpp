#include "controllers/receiver_controller.h"

#include <algorithm>
#include <deque>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <catch2/catch.hpp>

#include "controllers/metrics.h"
#include "test/support/shows.h"
#include "test/support/simulated_time.h"
#include "test/unit/controllers/secret_server.h"

namespace receiver::controllers {

using test::shows;

namespace {

using namespace std::chrono_literals;

constexpr const char* kSecret = "a-secret-of-decent-length";

OwnerStore::Decode decoder(api::OwnerKind kind) {
  return [kind](const kube::ObjectMeta& meta, const rapidjson::Value& object) {
    return api::decode_owner(kind, meta, object);
  };
}

struct ReceiverFixture {
  explicit ReceiverFixture(double events_per_second = 1000)
      : rest(server.server().client(io)),
        events(*rest, {.controller = "test", .instance = "test", .per_second = events_per_second},
               log::Logger::none()),
        controller(
            *rest, project_configs, cluster_configs, routes, events,
            [this] { return lease_is_valid; },
            {.base_url = {"https://hooks.example.com", ""},
             .system_namespace = "system",
             .derived =
                 [this](const api::ReceiverOwner& owner, const DerivedReceivers& derived) {
                   hooks.push_back(
                       fmt::format("{} {}", owner.meta.key.str(), derived.routes.size()));
                 },
             .gone = [this](const kube::ObjectKey& key) { hooks.push_back(key.str() + " gone"); }},
            log::Logger::none()) {
    routes.owners_listed();
    server.others = [this](const test::ApiRequest& request) {
      if (request.target.find("/events") != std::string::npos) {
        told.push_back(request.body);
        return test::ApiAnswer{201};
      }
      patches.push_back(request);
      if (refusals.empty()) return test::ApiAnswer{};
      test::ApiAnswer refusal = std::move(refusals.front());
      refusals.pop_front();
      return refusal;
    };
    boost::asio::co_spawn(io, controller.run(), boost::asio::detached);
    boost::asio::co_spawn(io, events.run(), boost::asio::detached);
  }
  ~ReceiverFixture() {
    controller.stop();
    events.stop();
    rest->close();
    test::SimulatedTime::settle(io);
  }
  ReceiverFixture(const ReceiverFixture&) = delete;
  ReceiverFixture& operator=(const ReceiverFixture&) = delete;

  void upsert(OwnerStore& store, const std::string& ns, const std::string& name,
              const std::string& receivers, const std::string& version = "1",
              const std::string& status = "{}", std::int64_t generation = 1) {
    const auto object = json::parse(R"({"spec":{"webhookReceivers":[)" + receivers +
                                    R"(]},"status":)" + status + "}");
    REQUIRE(object.has_value());
    kube::ObjectMeta meta;
    meta.key = {ns, name};
    meta.resource_version = version;
    meta.generation = generation;
    REQUIRE(store.upsert(meta, *object).has_value());
  }

  /// The routes of the receiver `bucket` of a project.
  [[nodiscard]] std::vector<Route> routes_of(const std::string& project) const {
    return routes.find(receiver_path({}, project, "bucket", kSecret));
  }

  template <typename Condition>
  void run_until(Condition condition) {
    REQUIRE(time.run_until(io, condition));
  }
  void run_for(std::chrono::milliseconds span) { time.run_for(io, span); }

  /// The number of Events with that reason.
  [[nodiscard]] std::ptrdiff_t told_of(const std::string& reason) const {
    return std::ranges::count_if(told, [&](const std::string& event) {
      return event.find("\"reason\":\"" + reason + "\"") != std::string::npos;
    });
  }

  test::SimulatedTime time;
  boost::asio::io_context io;
  SecretServer server{io};
  std::vector<test::ApiRequest> patches;
  std::vector<std::string> told;         ///< Events
  std::vector<std::string> hooks;        ///< calls of the hooks: owner, and its routes
  std::deque<test::ApiAnswer> refusals;  ///< for the next PATCHes
  std::unique_ptr<kube::RestClient> rest;
  OwnerStore project_configs{decoder(api::OwnerKind::kProjectConfig)};
  OwnerStore cluster_configs{decoder(api::OwnerKind::kClusterConfig)};
  kube::EventRecorder events;
  RouteTable routes;
  bool lease_is_valid = true;
  ReceiverController controller;
};

const std::string kBucket = R"({"name":"bucket","bitbucket":{"secretRef":{"name":"s"}}})";

}  // namespace

TEST_CASE("every replica has the routes, and only the leader writes the status") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.upsert(f.project_configs, "demo", "demo", kBucket);
  CHECK_FALSE(f.routes.complete());  // 503 rather than 404
  f.run_until([&] { return f.routes_of("demo").size() == 1; });
  CHECK(f.routes_of("demo")[0].project == "demo");
  CHECK(f.routes.complete());
  f.run_for(50ms);
  CHECK(f.patches.empty());

  f.controller.set_leading(true);
  f.run_until([&] { return f.controller.counters().status_writes == 1; });
  REQUIRE(f.patches.size() == 1);
  CHECK(f.patches[0].method == "PATCH");
  CHECK(f.patches[0].target ==
        "/apis/kargo.akuity.io/v1alpha1/namespaces/demo/projectconfigs/demo/status");
  CHECK(f.patches[0].body.find("https://hooks.example.com" + f.routes_of("demo")[0].path) !=
        std::string::npos);
}

TEST_CASE("every replica tells what is derived from an owner, and that one is gone") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.upsert(f.project_configs, "demo", "demo", kBucket);
  CHECK(f.hooks == std::vector<std::string>{"demo/demo 0"});  // its Secret is not read yet
  f.run_until([&] { return f.routes_of("demo").size() == 1; });
  CHECK(f.hooks.back() == "demo/demo 1");
  // A ProjectConfig of another name declares nothing.
  f.upsert(f.project_configs, "demo", "another", kBucket);
  f.project_configs.remove({"demo", "another"});
  CHECK(f.hooks.back() == "demo/demo 1");
  f.upsert(f.project_configs, "demo", "demo", "", "2");
  CHECK(f.hooks.back() == "demo/demo 0");
  f.project_configs.remove({"demo", "demo"});
  CHECK(f.hooks.back() == "demo/demo gone");
}

TEST_CASE("one namespace whose Secrets answer 500 delays no other, and is reported") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.server.put("broken", "s", kSecret);
  f.server.instead_of_listing["broken"] = test::refusal(500, "InternalError");
  f.server.instead_of_this_one["broken/s"] = test::refusal(500, "InternalError");
  f.controller.set_leading(true);
  f.upsert(f.project_configs, "broken", "broken", kBucket);
  f.upsert(f.project_configs, "demo", "demo", kBucket);
  CHECK_FALSE(f.controller.secrets_settled());
  f.run_until([&] { return f.controller.secrets_settled(); });
  f.run_until([&] { return f.controller.counters().status_writes >= 2; });
  const auto has_said = [&](const std::string& where, const std::string& what) {
    return std::ranges::any_of(f.patches, [&](const auto& patch) {
      return patch.target.find(where) != std::string::npos &&
             patch.body.find(what) != std::string::npos;
    });
  };
  CHECK(f.routes_of("demo").size() == 1);
  CHECK(has_said("projectconfigs/demo/status", R"("status":"True")"));
  CHECK(has_said("projectconfigs/broken/status",
                 "cannot read Secret s: cannot list the Secrets of namespace broken: "
                 "InternalError; it will be retried"));
  CHECK_FALSE(f.routes.complete());  // 503 rather than 404
  f.run_until([&] { return f.told_of("SecretInvalid") == 1; });

  f.server.instead_of_this_one.clear();
  f.server.instead_of_listing.clear();
  f.run_until([&] { return f.routes_of("broken").size() == 1; });
  CHECK(f.routes.complete());
}

TEST_CASE("a Secret that may be read but not listed is never said to be unreadable") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.server.instead_of_listing["demo"] = test::refusal(403, "Forbidden");
  f.controller.set_leading(true);
  f.upsert(f.project_configs, "demo", "demo", kBucket);
  f.run_until([&] {
    if (f.routes.size() > 0) return true;
    CHECK_FALSE(f.routes.complete());  // 503 rather than 404
    CHECK_FALSE(f.controller.secrets_settled());
    return false;
  });
  CHECK(f.controller.secrets_settled());
  f.run_until([&] { return f.told_of("ReceiverURLPublished") == 1; });
  f.run_for(50ms);
  for (const auto& patch : f.patches) {
    CHECK(patch.body.find(R"("status":"True")") != std::string::npos);
  }
  for (const std::string& event : f.told) CHECK(event.find("cannot be read") == std::string::npos);
}

TEST_CASE("keys of Bitbucket change no status, and a token that is removed is told") {
  ReceiverFixture f;
  const auto put = [&](const std::string& version, const std::string& more) {
    f.server.put_json(
        "demo", "s",
        R"({"metadata":{"namespace":"demo","name":"s","uid":"u","resourceVersion":")" + version +
            R"(","labels":{"kargo.akuity.io/cred-type":"generic"}},"data":{"secret":")" +
            crypto::base64_encode(kSecret) + "\"" + more + "}}");
  };
  const auto bitbucket = [&] {
    const auto routes = f.routes_of("demo");
    return routes.empty() ? nullptr : routes[0].bitbucket;
  };
  f.server.instead_of_listing["demo"] = test::refusal(403, "Forbidden");  // so it is read
  put("1", R"(,"bitbucket.token":"dG9rZW4=")");
  f.controller.set_leading(true);
  f.upsert(f.project_configs, "demo", "demo", kBucket);
  f.run_until([&] { return bitbucket() != nullptr; });
  f.run_until([&] { return f.patches.size() == 1; });
  const auto patch = json::parse(f.patches.back().body);
  REQUIRE(patch.has_value());
  const std::string status = json::to_text(*json::find(*patch, "/status"));
  const auto look_again = [&](const std::string& version) {
    f.upsert(f.project_configs, "demo", "demo", kBucket, version, status);
  };

  put("2", R"(,"bitbucket.token":"dG9rZW4=","bitbucket.url":")" +
               crypto::base64_encode("https://evil.example.com") + "\"");
  look_again("2");
  f.run_until([&] { return f.told_of("BitbucketHostNotAllowed") == 1; });
  CHECK_FALSE(bitbucket());
  CHECK(f.told_of("BitbucketTokenRemoved") == 0);

  put("3", "");
  look_again("3");
  f.run_until([&] { return f.told_of("BitbucketTokenRemoved") == 1; });
  CHECK_FALSE(bitbucket());
  f.run_for(26h);
  CHECK(f.told_of("BitbucketTokenRemoved") == 1);
  CHECK(f.patches.size() == 1);
  CHECK(f.told_of("ReceiverURLChanged") == 0);
  for (const std::string& event : f.told) CHECK(event.find("token\"") == std::string::npos);
}

TEST_CASE("a conflict is tried again on the object as it then is") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.refusals = {test::refusal(409, "Conflict")};
  f.controller.set_leading(true);
  f.upsert(f.project_configs, "demo", "demo", kBucket);
  f.run_until([&] { return f.controller.counters().status_conflicts == 1; });
  f.upsert(f.project_configs, "demo", "demo", kBucket, "2");
  f.run_until([&] { return f.controller.counters().status_writes >= 1; });
  CHECK(f.patches.back().body.find(R"("resourceVersion":"2")") != std::string::npos);
}

TEST_CASE("a status is not written again before the time that the API server has asked for") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.refusals = {{429, R"({"kind":"Status","details":{"retryAfterSeconds":60}})"}};
  f.controller.set_leading(true);
  f.upsert(f.project_configs, "demo", "demo", kBucket);
  const auto begin = clock::Steady::now();
  const kube::WorkQueue& queue = f.controller.queue();
  f.run_until(
      [&] { return f.controller.counters().status_failures == 1 && queue.in_progress() == 0; });
  CHECK(*queue.next_due() == begin + 60s);
  f.run_for(60s - 1ms);
  CHECK(f.patches.size() == 1);
  f.run_for(1ms);
  CHECK(f.patches.size() == 2);
}

TEST_CASE("a status that keeps failing is tried again as often as it would be looked at anyway") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.refusals.assign(20, test::refusal(500, "InternalError"));
  f.controller.set_leading(true);
  f.upsert(f.project_configs, "demo", "demo", kBucket);
  f.run_until([&] { return f.controller.counters().status_writes >= 1; });
  CHECK(f.controller.counters().status_failures == 20);
}

TEST_CASE("only the API server's own word that an object is gone ends the writing of its status") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.controller.set_leading(true);
  SECTION("its own") {
    f.refusals = {test::refusal(404, "NotFound")};
    f.upsert(f.project_configs, "demo", "demo", kBucket);
    f.run_until([&] { return f.patches.size() == 1; });
    f.run_for(1min);
    CHECK(f.patches.size() == 1);
  }
  SECTION("that of a proxy") {
    f.refusals = {{404, "<html>no such page</html>"}};
    f.upsert(f.project_configs, "demo", "demo", kBucket);
    f.run_until([&] { return f.controller.counters().status_writes == 1; });
    CHECK(f.controller.counters().status_failures == 1);
  }
}

TEST_CASE("a status that another writer keeps replacing is left alone until something changes") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.controller.set_leading(true);
  std::uint64_t version = 0;
  const auto replaced = [&](std::int64_t generation) {
    const std::string number = std::to_string(++version);
    f.upsert(f.project_configs, "demo", "demo", kBucket, number,
             R"({"webhookReceivers":[{"name":"bucket","path":"/x","url":"https://other/)" + number +
                 R"("}]})",
             generation);
  };
  for (std::uint64_t write = 1; write <= 3; ++write) {
    replaced(1);
    f.run_until([&] { return f.controller.counters().status_writes == write; });
  }
  replaced(1);
  f.run_for(100ms);
  CHECK(f.controller.counters().status_writes == 3);

  SECTION("of the spec") {
    replaced(2);
  }
  SECTION("of the Secret") {
    f.server.put("demo", "s2", "another-secret-of-length");
    f.upsert(f.project_configs, "demo", "demo",
             R"({"name":"bucket","bitbucket":{"secretRef":{"name":"s2"}}})", "99");
  }
  f.run_until([&] { return f.controller.counters().status_writes == 4; });
}

TEST_CASE("nobody is told that a URL has changed when two writers fight, only when it has") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.controller.set_leading(true);
  const auto stands = [&](const std::string& version, const std::string& url) {
    f.upsert(f.project_configs, "demo", "demo", kBucket, version,
             R"({"webhookReceivers":[{"name":"bucket","path":"/x","url":")" + url + R"("}]})");
  };
  for (std::uint64_t write = 1; write <= 4; ++write) {
    stands(std::to_string(write), "https://kargo.example.com/webhooks/bitbucket/0123");
    f.run_until([&] {
      return f.controller.counters().status_writes == std::min<std::uint64_t>(write, 3) &&
             f.controller.queue().in_progress() == 0;
    });
  }
  f.run_until([&] { return f.told_of("StatusConflict") == 1; });
  f.run_for(50ms);
  CHECK(f.told_of("ReceiverURLChanged") == 0);
  CHECK(f.told_of("ReceiverURLPublished") == 1);
  const auto& conflict = f.told.back();
  CHECK(conflict.find("https://kargo.example.com") != std::string::npos);
  CHECK(conflict.find("https://hooks.example.com") != std::string::npos);
  CHECK(conflict.find("/webhooks") == std::string::npos);

  // Once a day, whatever the rounds find.
  for (int round = 5; round < 10; ++round) {
    stands(std::to_string(round), "https://kargo.example.com/webhooks/bitbucket/0123");
    f.run_for(10ms);
  }
  CHECK(f.told_of("StatusConflict") == 1);
  CHECK(f.controller.counters().status_writes == 3);

  f.server.put("demo", "s2", "another-secret-of-length");
  f.upsert(f.project_configs, "demo", "demo",
           R"({"name":"bucket","bitbucket":{"secretRef":{"name":"s2"}}})", "99");
  f.run_until([&] { return f.told_of("ReceiverURLChanged") == 1; });
}

TEST_CASE("a new leader reports a changed URL that the status still has with our base URL") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.upsert(f.project_configs, "demo", "demo", kBucket, "1",
           R"({"webhookReceivers":[{"name":"bucket","path":"/bitbucket/0123",)"
           R"("url":"https://hooks.example.com/bitbucket/0123"}]})");
  f.controller.set_leading(true);
  f.run_until([&] { return f.told_of("ReceiverURLChanged") == 1; });
  CHECK(f.told_of("ReceiverURLPublished") == 0);
}

TEST_CASE("whoever's Lease has run out unnoticed writes neither status nor Event") {
  ReceiverFixture f;
  f.server.put("demo", "s", "short");
  f.lease_is_valid = false;
  f.controller.set_leading(true);
  f.upsert(f.project_configs, "demo", "demo", kBucket);
  f.run_until([&] { return f.routes.size() == 1; });
  f.run_for(10s);
  CHECK(f.patches.empty());
  CHECK(f.told.empty());

  f.lease_is_valid = true;  // renewed after all
  f.run_for(2s);
  CHECK(f.patches.size() == 1);
  CHECK_FALSE(f.told.empty());
}

TEST_CASE("a new leader writes the status of every owner, the ClusterConfig's too") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.server.put("system", "s", kSecret);
  f.upsert(f.project_configs, "demo", "demo", kBucket);
  f.upsert(f.cluster_configs, "", "cluster", kBucket);
  f.run_until([&] { return f.routes.size() == 2; });
  f.controller.set_leading(true);
  f.run_until([&] { return f.controller.counters().status_writes == 2; });
  const auto written = [&](const std::string& what) {
    return std::ranges::count_if(
        f.patches, [&](const auto& patch) { return patch.target.ends_with(what + "/status"); });
  };
  CHECK(written("/projectconfigs/demo") == 1);
  CHECK(written("/clusterconfigs/cluster") == 1);
}

TEST_CASE("a status that is not as it should be is written again after five minutes") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.controller.set_leading(true);
  f.upsert(f.project_configs, "demo", "demo", kBucket);
  f.run_until([&] { return f.controller.counters().status_writes == 1; });
  f.run_for(5min - 1ms);
  CHECK(f.patches.size() == 1);
  f.run_for(1ms);
  CHECK(f.patches.size() == 2);
}

TEST_CASE("a former leader writes nothing, whatever changes and however long it lasts") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.controller.set_leading(true);
  f.upsert(f.project_configs, "demo", "demo", kBucket);
  f.run_until([&] { return f.told_of("ReceiverURLPublished") == 1; });
  f.controller.set_leading(false);
  const auto writes = f.patches.size();
  const auto events = f.told.size();
  f.server.put("demo", "s2", "short");
  f.upsert(f.project_configs, "demo", "demo",
           R"({"name":"bucket","bitbucket":{"secretRef":{"name":"s2"}}})", "2");
  f.upsert(f.cluster_configs, "", "cluster", kBucket);
  f.run_for(11min);
  CHECK(f.patches.size() == writes);
  CHECK(f.told.size() == events);
  CHECK(f.routes.size() == 1);  // served nevertheless
}

TEST_CASE("a former leader whose write is in flight tells nothing more, and no retry follows") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.controller.set_leading(true);
  SECTION("it succeeds") {}
  SECTION("it fails") {
    f.refusals = {test::refusal(500, "InternalError")};
  }
  f.upsert(f.project_configs, "demo", "demo", kBucket);
  f.run_until([&] { return f.patches.size() == 1; });
  f.controller.set_leading(false);
  f.run_for(10min);
  CHECK(f.patches.size() == 1);
  CHECK(f.told.empty());
}

TEST_CASE(
    "a former leader drops the Events that wait, and says all of it again when it leads again") {
  ReceiverFixture f(10);
  f.server.put("demo", "s", "\xEF\xBB\xBF short ");
  f.controller.set_leading(true);
  f.upsert(f.project_configs, "demo", "demo", kBucket);
  f.run_until([&] { return f.told.size() == 1; });  // of five
  f.controller.set_leading(false);
  f.run_for(250ms);
  CHECK(f.told.size() == 1);
  f.controller.set_leading(true);
  f.run_until([&] { return f.told.back().find("is shorter than") != std::string::npos; });
  CHECK(f.told_of("WeakSecret") >= 4);
}

TEST_CASE("an object that is being deleted is left alone") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.controller.set_leading(true);
  const auto object = json::parse(R"({"spec":{"webhookReceivers":[)" + kBucket + "]}}");
  REQUIRE(object.has_value());
  kube::ObjectMeta meta;
  meta.key = {"demo", "demo"};
  meta.resource_version = std::string("1");
  meta.deleting = true;
  REQUIRE(f.project_configs.upsert(meta, *object).has_value());
  f.run_until([&] { return f.routes.size() == 1; });
  f.run_for(50ms);
  CHECK(f.patches.empty());
}

TEST_CASE("every replica counts the receivers of all owners by readiness") {
  ReceiverFixture f;
  const auto are = [&f](std::size_t ready, std::size_t not_ready) {
    const ReceiverCounts counts = f.controller.receivers();
    return counts.ready == ready && counts.not_ready == not_ready;
  };
  f.server.put("demo", "s", kSecret);
  f.upsert(f.project_configs, "demo", "demo",
           kBucket + R"(,{"name":"other","bitbucket":{"secretRef":{"name":"missing"}}},)" +
               R"({"name":"no-bitbucket","github":{"secretRef":{"name":"s"}}})");
  CHECK(are(0, 2));  // not read yet
  f.run_until([&] { return are(1, 1); });
  f.server.put("system", "s", kSecret);
  f.upsert(f.cluster_configs, "", "cluster", kBucket);
  f.run_until([&] { return are(2, 1); });

  f.upsert(f.project_configs, "demo", "demo", kBucket, "2");
  CHECK(are(2, 0));
  f.project_configs.remove({"demo", "demo"});
  CHECK(are(1, 0));
}

TEST_CASE("a deleted owner loses its routes") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.upsert(f.project_configs, "demo", "demo", kBucket);
  f.run_until([&] { return f.routes.size() == 1; });
  f.project_configs.remove({"demo", "demo"});
  CHECK(f.routes.size() == 0);
  CHECK(f.controller.secret_watches() == 0);
  // Nor does it make other unknown paths 503.
  f.upsert(f.project_configs, "demo", "demo",
           R"({"name":"bucket","bitbucket":{"secretRef":{"name":"unread"}}})", "2");
  CHECK_FALSE(f.routes.complete());
  f.project_configs.remove({"demo", "demo"});
  CHECK(f.routes.complete());
}

TEST_CASE("the ClusterConfig takes its Secrets from the system resources namespace") {
  ReceiverFixture f;
  f.server.put("system", "s", kSecret);
  f.upsert(f.cluster_configs, "", "cluster", kBucket);
  f.run_until([&] { return f.routes_of("").size() == 1; });
  CHECK(f.routes_of("")[0].project.empty());
}

TEST_CASE("a ClusterConfig without its Secrets says in which namespace they should be") {
  ReceiverFixture f;
  f.controller.set_leading(true);
  const auto said = [&](const std::string& words) {
    return !f.patches.empty() && f.patches.back().body.find(words) != std::string::npos;
  };
  SECTION("if they are not there") {
    f.upsert(f.cluster_configs, "", "cluster", kBucket);
    f.run_until([&] { return said("Secret s not found in namespace system"); });
  }
  SECTION("if they may not be read") {
    f.server.forbid("system", true);
    f.upsert(f.cluster_configs, "", "cluster", kBucket);
    f.run_until([&] {
      return said(
          " (check SYSTEM_RESOURCES_NAMESPACE, and that this account may read Secrets there)");
    });
  }
}

TEST_CASE("a ProjectConfig whose name is not its namespace's declares nothing") {
  ReceiverFixture f;
  f.server.put("demo", "s", kSecret);
  f.upsert(f.project_configs, "demo", "another", kBucket);
  CHECK(f.controller.secret_watches() == 0);
  CHECK(f.routes.size() == 0);
  CHECK(f.routes.complete());
}

TEST_CASE("receivers, and the watches of their Secrets, are shown") {
  ReceiverFixture f;
  metrics::Readings readings;
  add_metrics(readings, f.controller, 4);
  f.server.put("demo", "s", kSecret);
  f.upsert(f.project_configs, "demo", "demo",
           kBucket + R"(,{"name":"bare","bitbucket":{"secretRef":{"name":"missing"}}})");
  f.run_until([&] { return f.controller.receivers().ready == 1; });
  CHECK_THAT(readings.render(),
             shows(R"(bitbucket_receiver_receivers{ready="true"} 1)") &&
                 shows(R"(bitbucket_receiver_receivers{ready="false"} 1)") &&
                 shows("bitbucket_receiver_secret_watches 1") &&
                 shows("# HELP bitbucket_receiver_secret_watches Watches of Secrets.") &&
                 shows("# HELP bitbucket_receiver_receivers Declared Bitbucket receivers, by "
                       "whether they are served.") &&
                 shows(R"(bitbucket_receiver_reflector_synced{kind="secrets"} 1)") &&
                 shows(R"(controller_runtime_active_workers{controller="receivers"} 0)") &&
                 shows(R"(bitbucket_receiver_status_writes_total{result="ok"} 0)"));
}

}  // namespace receiver::controllers
