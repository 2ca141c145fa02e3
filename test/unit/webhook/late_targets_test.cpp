#include "webhook/late_targets.h"

#include <barrier>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/eventually.h"
#include "test/unit/webhook/delivery_fixture.h"

namespace receiver::webhook {
namespace {

using controllers::TargetKind;

/// Deliveries, stores and a refresher; queued refreshes are applied by `settle`.
struct Late : Fixture {
  void settle() {
    io.restart();
    io.poll();
  }
  [[nodiscard]] std::uint64_t late() const { return late_targets->counters().refreshes; }

  /// The body of a push to branches of the repository.
  static std::string push_of(const std::vector<std::string>& branches) {
    std::string changes;
    for (const std::string& branch : branches) {
      if (!changes.empty()) changes += ',';
      changes += fmt::format(R"({{"new":{{"type":"branch","name":"{}"}}}})", branch);
    }
    return fmt::format(
        R"({{"repository":{{"links":{{"html":{{"href":"{}"}}}}}},"push":{{"changes":[{}]}}}})",
        kRepository, changes);
  }
  http::Response push(const std::vector<std::string>& branches) {
    return deliver("repo:push", push_of(branches));
  }
  http::Response merge() { return deliver("pullrequest:fulfilled", kCloudPull); }
  void subscribed(const std::string& name, const std::string& branch,
                  const std::string& ns = "apples") {
    warehouse({ns, name}, {R"("repoURL":")" + kRepository + R"(","branch":")" + branch + '"'});
  }
};

}  // namespace

TEST_CASE_METHOD(Late, "a Warehouse that is seen after the push is refreshed once") {
  check(push({"main"}), 200, msg("refreshed 0 warehouse(s)"));
  check(push({"main", "dev"}), 200, msg("refreshed 0 warehouse(s)"));
  subscribed("late", "main");
  subscribed("other-branch", "stable");
  subscribed("other-project", "main", "pears");
  warehouse({"apples", "other-repository"}, {R"("repoURL":"https://bitbucket.org/orchard/nuts")"});
  settle();
  CHECK(take_patched() == Names{"apples/late"});
  CHECK(late() == 1);
  CHECK(log("INFO").find("late-targets: refreshing objects that appeared after a delivery that "
                         "names them objects=1 first=apples/late") != std::string::npos);

  // As our own PATCH is seen: another version, and nothing else.
  subscribed("late", "main");
  settle();
  CHECK(take_patched().empty());
}

TEST_CASE_METHOD(Late, "one subscription that the push names is enough") {
  push({"main"});
  const std::string nuts = R"("repoURL":"https://bitbucket.org/orchard/nuts")";
  warehouse({"apples", "late"}, {nuts, R"("repoURL":")" + kRepository + '"', nuts});
  settle();
  CHECK(take_patched() == Names{"apples/late"});
}

TEST_CASE_METHOD(Late, "a Warehouse that a delivery refreshes itself is not refreshed once more") {
  add_warehouses({"w"});
  check(push({"main"}), 200, msg("refreshed 1 warehouse(s)"));
  CHECK(take_patched() == Names{"apples/w"});
  add_warehouses({"w"});
  settle();
  CHECK(take_patched().empty());
  CHECK(late() == 0);
}

TEST_CASE_METHOD(Late,
                 "a Warehouse whose subscriptions change is refreshed if a push names it now") {
  subscribed("w", "stable");
  push({"main"});
  subscribed("w", "dev");
  settle();
  CHECK(take_patched().empty());
  subscribed("w", "main");
  settle();
  CHECK(take_patched() == Names{"apples/w"});
  SECTION("one that goes is not") {
    warehouses.remove({"apples", "w"});
    settle();
    CHECK(take_patched().empty());
  }
  SECTION("one that comes back under its name is") {
    warehouses.remove({"apples", "w"});
    subscribed("w", "main");
    settle();
    CHECK(take_patched() == Names{"apples/w"});
  }
}

TEST_CASE_METHOD(Late, "a Promotion whose pull request is seen after its merge is refreshed once") {
  const auto waits = [&](const std::string& state) {
    put(promotions, {"apples", "p"},
        fmt::format(R"({{"spec":{{"steps":[{{"uses":"git-wait-for-pr","as":"wait"}}]}},)"
                    R"("status":{{"phase":"Running","currentStep":0,"state":{}}}}})",
                    state));
  };
  waits("{}");
  check(merge(), 200, msg("refreshed 0 promotion(s)"));
  waits(R"({"wait":{"pr":{}}})");
  settle();
  CHECK(take_patched().empty());
  waits(R"({"wait":{"pr":{"url":")" + kPull + R"(/overview"}}})");
  settle();
  CHECK(take_patched() == Names{"apples/p"});

  promotion({"apples", "other"}, kPull + "1");
  promotion({"pears", "p"}, kPull);
  promotion({"apples", "p"}, kPull, "Succeeded");
  settle();
  CHECK(take_patched().empty());
  CHECK(late() == 1);
}

TEST_CASE_METHOD(Late,
                 "a receiver of the ClusterConfig refreshes what is late in every namespace") {
  routes.replace({"apples", "owner-of-" + kKey}, {}, false);
  add_route("", kKey);
  push({"main"});
  subscribed("late", "main", "apples");
  subscribed("late", "main", "pears");
  settle();
  CHECK(take_patched() == Names{"apples/late", "pears/late"});
}

TEST_CASE_METHOD(Late, "what is remembered goes with its receiver") {
  push({"main"});
  SECTION("that is removed") {
    routes.replace({"apples", "owner-of-" + kKey}, {}, false);
    subscribed("late", "main");
    settle();
    CHECK(take_patched().empty());
  }
  SECTION("whose key changes") {
    routes.replace({"apples", "owner-of-" + kKey},
                   {{.path = "/webhooks/bitbucket/another",
                     .project = "apples",
                     .receiver = "receiver-of-apples",
                     .key = crypto::SecretString(std::string("another")),
                     .previous = false}},
                   false);
    subscribed("late", "main");
    settle();
    CHECK(take_patched().empty());
  }
  SECTION("not while its key is the previous one") {
    add_route("apples", kKey, true);
    subscribed("late", "main");
    settle();
    CHECK(take_patched() == Names{"apples/late"});
  }
}

TEST_CASE_METHOD(Late, "only signed deliveries of events that count are remembered") {
  head.headers = {{"X-Event-Key", "repo:push"}};
  send(kCloudPush);
  head.headers = {{"X-Event-Key", "repo:push"}, {"X-Hub-Signature", signature("other")}};
  send(kCloudPush);
  head.headers = {};
  deliver("repo:fork", kCloudPush);
  deliver("repo:push", "[]");
  CHECK(late_targets->counters().remembered_current == 0);
  add_warehouses({"w"});
  settle();
  CHECK(take_patched().empty());
}

TEST_CASE("a delivery that comes before the first list is made up for when the list is there") {
  struct Starting : Late {
    kube::Store<api::Warehouse> starting{api::decode_warehouse, warehouse_index_keys};
    std::optional<LateTargets> late_of_starting;
    Starting() {
      late_of_starting.emplace(io.get_executor(), routes, starting, promotions, *refresher, logger);
      deliveries.emplace(routes, starting, promotions, *late_of_starting, *refresher,
                         DeliveryOptions{}, logger);
    }
  } f;
  CHECK(f.push({"main"}).status == 503);
  f.starting.begin_replace();
  for (int i = 0; i < 2'500; ++i) {
    const auto object = json::parse(fmt::format(
        R"({{"spec":{{"subscriptions":[{{"git":{{"repoURL":"{}"}}}}]}}}})", kRepository));
    REQUIRE(f.starting.add_listed(
        {.key = {"apples", std::to_string(i)}, .uid = {}, .resource_version = "1"}, *object));
  }
  f.starting.end_replace();
  f.settle();
  CHECK(f.take_patched().size() == 2'500);
  CHECK(f.late_of_starting->counters().refreshes == 2'500);
}

TEST_CASE_METHOD(Late, "a late target waits for room in the queue of refreshes") {
  make_refresher({.objects_waiting = 1});
  hanging = {"hangs"};
  add_warehouses({"hangs"});
  first_byte = Steady::now() - 8s;
  push({"main"});
  subscribed("late", "main");
  settle();
  CHECK(late() == 0);
  SECTION("until there is some") {
    make_refresher({});
    io.restart();
    const auto patience = Steady::now() + 10s;
    while (late() == 0 && Steady::now() < patience) io.run_one_for(20ms);
    settle();
    CHECK(late() == 1);
    CHECK(take_patched() == Names{"apples/hangs", "apples/late"});
  }
  SECTION("or until it stops, or is gone") {
    if (GENERATE(true, false)) {
      late_targets->stop();
    } else {
      late_targets.reset();
    }
    settle();
    CHECK(take_patched() == Names{"apples/hangs"});
    CHECK(log("ERROR").find("late-targets: refresh not applied before shutdown "
                            "resource=warehouses.kargo.akuity.io object=apples/late") !=
          std::string::npos);
  }
}

TEST_CASE_METHOD(Late, "what is remembered is forgotten only while the watch is current") {
  kube::Store<api::Warehouse> watched{api::decode_warehouse, warehouse_index_keys};
  LateTargets late_of_watched(io.get_executor(), routes, watched, promotions, *refresher, logger,
                              {.remembered = 0ms});
  sync(watched);
  deliveries.emplace(routes, watched, promotions, late_of_watched, *refresher, DeliveryOptions{},
                     logger);
  const auto seen = [&](const std::string& name) {
    put(watched, {"apples", name},
        fmt::format(R"({{"spec":{{"subscriptions":[{{"git":{{"repoURL":"{}"}}}}]}}}})",
                    kRepository));
    settle();
    return take_patched();
  };
  push({"main"});
  CHECK(seen("while it is broken") == Names{"apples/while it is broken"});
  late_of_watched.watch_changed(TargetKind::kPromotion, true);
  CHECK(seen("while it is still broken") == Names{"apples/while it is still broken"});
  late_of_watched.watch_changed(TargetKind::kWarehouse, true);
  while (late_of_watched.counters().remembered_current > 0) {
    late_of_watched.watch_changed(TargetKind::kWarehouse, false);
    late_of_watched.watch_changed(TargetKind::kWarehouse, true);
  }
  CHECK(seen("when it is current").empty());
  late_of_watched.watch_changed(TargetKind::kWarehouse, false);
  push({"main"});  // refreshes what it finds
  patched.clear();
  CHECK(seen("while it is broken again") == Names{"apples/while it is broken again"});
}

TEST_CASE_METHOD(Late, "an object that comes at the moment of its push is missed by neither") {
  constexpr int kRounds = test::kSanitized ? 500 : 3'000;
  const std::vector<controllers::Route> receivers = routes.find(kPath);
  std::barrier begin(2);
  std::barrier end(2);
  bool found = false;
  const auto repository = [](int round) {
    return fmt::format("https://bitbucket.org/o/a-{}", round);
  };
  std::jthread listener([&] {
    for (int round = 0; round < kRounds; ++round) {
      bitbucket::Push push{{repository(round)}, {"refs/heads/main"}};
      // Other URLs, which are looked up after it, to give the race time.
      for (std::size_t i = 1; i < bitbucket::kMaxUrls; ++i) {
        push.repository_urls.push_back(fmt::format("https://bitbucket.org/o/z-{}-{}", round, i));
      }
      begin.arrive_and_wait();
      late_targets->remember(receivers, bitbucket::Payload(push));
      found = !targets_of(push, "apples", warehouses).empty();
      end.arrive_and_wait();
    }
  });
  int missed = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto object = json::parse(fmt::format(
        R"({{"spec":{{"subscriptions":[{{"git":{{"repoURL":"{}"}}}}]}}}})", repository(round)));
    const std::string name = std::to_string(round);
    const kube::ObjectMeta meta{.key = {"apples", name}, .uid = {}, .resource_version = name};
    begin.arrive_and_wait();
    const auto moment = Steady::now() + std::chrono::microseconds(round % 200);
    while (Steady::now() < moment) {
    }
    static_cast<void>(warehouses.upsert(meta, *object));
    end.arrive_and_wait();
    settle();
    if (!found && take_patched().empty()) ++missed;
    patched.clear();
  }
  CHECK(missed == 0);
}

}  // namespace receiver::webhook
