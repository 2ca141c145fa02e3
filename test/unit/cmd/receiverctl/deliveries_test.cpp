#include "cmd/receiverctl/deliveries.h"

#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/receiverctl_schema.h"
#include "test/unit/cmd/receiverctl/scripted_api.h"

namespace receiver::ctl {
namespace {

using Catch::Contains;

constexpr const char* kPods = "/api/v1/namespaces/kargo/pods";

std::string pod(const std::string& name) {
  return fmt::format(
      R"({{"metadata":{{"name":"{}","uid":"{}"}},"spec":{{"containers":[{{"name":"receiver"}}]}},)"
      R"("status":{{"containerStatuses":[{{"name":"receiver","state":{{"running":{{}}}}}}]}}}})",
      name, name);
}

std::string line(int second, const std::string& id, const std::string& project = "p") {
  return fmt::format(
      R"({{"time":"2026-11-30T00:00:{:02}.000Z","level":"INFO","logger":"webhook","msg":"delivery",)"
      R"("delivery":"{}","traceparent":"","event":"repo:push","source":"cloud","project":"{}",)"
      R"("receiver":"bb","url":"https://bitbucket.org/acme/shop","outcome":"ok","applied":2,)"
      R"("queued":0,"refused":0,"spared":0,"duration_ms":12}})"
      "\n",
      second, id, project);
}

/// Two pods, each with a log; `refused` may not be read.
ScriptedApi::Script cluster_of(const std::string& first, const std::string& second,
                               const std::string& refused = {}) {
  return [=](const std::string& path, const std::string&) -> ScriptedApi::Answer {
    if (path == refused) return ScriptedApi::forbidden("pods");
    if (path == kPods) return ScriptedApi::list(pod("one") + "," + pod("two"));
    if (path == kPods + std::string("/one/log")) return {200, first};
    if (path == kPods + std::string("/two/log")) return {200, second};
    return {};
  };
}

Ended told_deliveries(const ScriptedApi& api, std::vector<const char*> words = {}) {
  words.insert(words.begin(), "deliveries");
  return run(api, std::move(words));
}

}  // namespace

TEST_CASE("deliveries of all replicas are told in the order of their time") {
  const ScriptedApi api(
      cluster_of(line(1, "first") + "panic: something else\n" + line(3, "third"),
                 "2026-11-30T00:00:02.000Z WARN  webhook: answered 401: the delivery is not signed "
                 "delivery=second event=repo:push project=* receiver=all suppressed=0\n"));
  const Ended all = told_deliveries(api);
  CHECK(all.code == 0);
  CHECK(all.err.empty());
  CHECK(all.out ==
        "TIME                       RECEIVER   EVENT       OUTCOME   WHAT CAME OF IT\n"
        "2026-11-30T00:00:01.000Z   p/bb       repo:push   ok        "
        "https://bitbucket.org/acme/shop: 2 refreshed in 12 ms\n"
        "2026-11-30T00:00:02.000Z   all        repo:push   refused   "
        "answered 401: the delivery is not signed\n"
        "2026-11-30T00:00:03.000Z   p/bb       repo:push   ok        "
        "https://bitbucket.org/acme/shop: 2 refreshed in 12 ms\n");
  CHECK(api.requests().at(0) ==
        "GET /api/v1/namespaces/kargo/pods?labelSelector=app.kubernetes.io%2Fname%3Dbitbucket-"
        "receiver");
  CHECK(api.requests().at(1) ==
        "GET /api/v1/namespaces/kargo/pods/one/log?container=receiver&sinceSeconds=3600");

  const Ended json = told_deliveries(api, {"-o", "json"});
  CHECK(test::schema_problem(json.out) == "");
  CHECK_THAT(json.out, Contains(R"("pod": "two")"));
  CHECK(told_deliveries(api, {"-o", "name"}).out ==
        "delivery/first\ndelivery/second\ndelivery/third\n");
  CHECK(told_deliveries(api, {"-o", "name", "--id", "third"}).out == "delivery/third\n");
  CHECK(told_deliveries(api, {"-o", "name", "--cluster-config"}).out == "delivery/second\n");
  CHECK(told_deliveries(api, {"-o", "name", "-n", "p", "--receiver", "bb"}).out ==
        "delivery/first\ndelivery/third\n");
  const Ended newest = told_deliveries(api, {"-o", "name", "--tail", "1", "--since", "2h"});
  CHECK(newest.out == "delivery/third\n");
  CHECK(newest.err == "These are the newest 1 of 3: --tail shows more.\n");
  CHECK_THAT(api.requests().back(), Contains("&sinceSeconds=7200"));
  (void)told_deliveries(api, {"--since", "1500ms"});
  CHECK_THAT(api.requests().back(), Contains("&sinceSeconds=2"));
}

TEST_CASE("the last delivery is read even if its line has no end yet") {
  std::string unended = line(1, "first");
  unended.pop_back();
  const ScriptedApi api(cluster_of(unended, ""));
  CHECK(told_deliveries(api, {"-o", "name"}).out == "delivery/first\n");
}

TEST_CASE("2,000 deliveries do not flood a terminal") {
  std::string log;
  for (int i = 0; i < 2'000; ++i) log += line(i % 60, fmt::format("delivery-{}", i));
  const ScriptedApi api(cluster_of(log, ""));
  const Ended told = run(api, {"deliveries"}, 160);
  CHECK(told.code == 0);
  CHECK(std::count(told.out.begin(), told.out.end(), '\n') == 501);
  CHECK(told.out.size() < 200'000);
  CHECK(told.err == "These are the newest 500 of 2000: --tail shows more.\n");
}

TEST_CASE("an outcome has the colour of what it means") {
  struct Row {
    const char* outcome;
    const char* colour;
  };
  for (const Row& row : {Row{"ok", "\x1b[32m"}, Row{"ping", "\x1b[32m"}, Row{"queued", "\x1b[33m"},
                         Row{"ignored_event", "\x1b[2m"}, Row{"bad_signature", "\x1b[31m"},
                         Row{"failed", "\x1b[31m"}}) {
    auto delivery = *read_log_line(line(1, "first"));
    delivery.outcome = row.outcome;
    CHECK_THAT(deliveries_table({delivery}, {true}),
               Contains(std::string(row.colour) + row.outcome + "\x1b[0m"));
  }
}

TEST_CASE("where there is no delivery, that is told") {
  const ScriptedApi api(cluster_of(line(1, "first"), ""));
  const Ended other_id = told_deliveries(api, {"--id", "another"});
  CHECK(other_id.code == 1);
  CHECK(other_id.out.empty());
  CHECK_THAT(other_id.err, Contains("no such delivery"));
  CHECK(told_deliveries(api, {"-n", "q"}).code == 0);

  const ScriptedApi nobody(
      [](const std::string&, const std::string&) { return ScriptedApi::list(""); });
  const Ended none = told_deliveries(nobody, {"--operator-namespace", "elsewhere", "-l", "a=b"});
  CHECK(none.code == 1);
  CHECK_THAT(none.err, Contains("no pod in elsewhere has the labels a=b"));
}

TEST_CASE("who may not read the logs is told which permissions that takes") {
  const std::string log = std::string(kPods) + "/one/log";
  for (const auto& [path, permission] : std::vector<std::pair<std::string, std::string>>{
           {kPods, "needs `list pods` in namespace kargo, besides `get pods/log`: "},
           {log, "needs `get pods/log` in namespace kargo, besides `list pods`: "}}) {
    for (const bool follows : {false, true}) {
      const ScriptedApi api(cluster_of("", "", path));
      const Ended refused = told_deliveries(
          api, follows ? std::vector<const char*>{"--follow"} : std::vector<const char*>());
      CHECK(refused.code == 3);
      CHECK_THAT(refused.err, Contains(permission));
      if (path == kPods) continue;
      const std::string from = follows ? "&sinceSeconds=10&follow=true" : "&sinceSeconds=3600";
      CHECK_THAT(api.requests().at(1), Catch::EndsWith(from));
    }
  }
}

TEST_CASE("while deliveries are followed, each trouble is told once") {
  int asked = 0;
  const ScriptedApi api([&](const std::string& path, const std::string&) -> ScriptedApi::Answer {
    switch (++asked) {
      case 1:
      case 2:
        return {500, R"({"kind":"Status","code":500,"message":"not now"})"};
      case 3:
        return ScriptedApi::list("");
      default:
        return ScriptedApi::forbidden(path);
    }
  });
  const Ended ended = told_deliveries(api, {"--follow"});
  CHECK(ended.code == 3);
  CHECK(ended.out.empty());
  CHECK_THAT(ended.err,
             Catch::StartsWith("the operator's pods cannot be listed: ") &&
                 Contains("not now\nno pod in kargo has the labels "
                          "app.kubernetes.io/name=bitbucket-receiver yet\nreceiverctl: "));
  CHECK(std::count(ended.err.begin(), ended.err.end(), '\n') == 3);
}

TEST_CASE("a pod that is gone, or has not begun, does not stop the others") {
  const ScriptedApi api([](const std::string& path, const std::string&) -> ScriptedApi::Answer {
    if (path == kPods) {
      return ScriptedApi::list(
          pod("one") + "," + pod("two") + "," + pod("four") +
          R"(,{"metadata":{"name":"three"},"spec":{"containers":[{"name":"x"}]}})");
    }
    if (path.ends_with("/one/log")) return {};
    if (path.ends_with("/four/log")) {
      return {400, R"({"kind":"Status","code":400,"message":"container is not available"})"};
    }
    return {200, line(1, "first")};
  });
  CHECK(told_deliveries(api, {"-o", "name"}).out == "delivery/first\n");
  CHECK(api.requests().size() == 4);
}

TEST_CASE("deliveries are followed in the columns that they are listed in") {
  int looks = 0;
  const ScriptedApi api([&](const std::string& path, const std::string&) -> ScriptedApi::Answer {
    if (path != kPods) return {200, line(1, "first", "project") + line(2, "second")};
    return ++looks == 1 ? ScriptedApi::list(pod("one")) : ScriptedApi::forbidden("pods");
  });
  CHECK(told_deliveries(api, {"--follow"}).out ==
        "TIME                       RECEIVER     EVENT       OUTCOME   WHAT CAME OF IT\n"
        "2026-11-30T00:00:01.000Z   project/bb   repo:push   ok        "
        "https://bitbucket.org/acme/shop: 2 refreshed in 12 ms\n"
        "2026-11-30T00:00:02.000Z   p/bb         repo:push   ok        "
        "https://bitbucket.org/acme/shop: 2 refreshed in 12 ms\n");
}

TEST_CASE("a delivery as JSON is one line") {
  const std::string json = delivery_json(*read_log_line(line(1, "first")));
  CHECK_THAT(json, Catch::StartsWith(R"({"time":"2026-11-30T00:00:01.000Z","delivery":"first",)") &&
                       Contains(R"("milliseconds":12,)") && Catch::EndsWith("}\n"));
  CHECK(std::count(json.begin(), json.end(), '\n') == 1);
}

}  // namespace receiver::ctl
