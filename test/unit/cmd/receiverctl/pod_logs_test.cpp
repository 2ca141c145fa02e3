#include "cmd/receiverctl/pod_logs.h"

#include <catch2/catch.hpp>

namespace receiver::ctl {
namespace {

clock::Wall::time_point at(const char* text) {
  return *clock::parse_rfc3339(text);
}

}  // namespace

TEST_CASE("pods are known with the operator's container, and whether it has begun") {
  const auto pods = pods_of(R"({"items": [
    {"metadata": {"name": "b", "uid": "2"},
     "spec": {"containers": [{"name": "proxy"}, {"name": "receiver"}]},
     "status": {"containerStatuses": [
       {"name": "proxy", "state": {"waiting": {}}},
       {"name": "receiver", "state": {"running": {}}}]}},
    {"metadata": {"name": "a", "uid": "1"},
     "spec": {"containers": [{"name": "main"}]},
     "status": {"containerStatuses": [{"name": "main", "state": {"waiting": {}}}]}},
    {"metadata": {"name": "c", "uid": "3"}, "spec": {"containers": [{"name": "main"}]},
     "status": {"containerStatuses": [
       {"name": "main", "state": {"waiting": {}}, "lastState": {"terminated": {}}}]}},
    {"metadata": {"name": "d", "uid": "4"}, "spec": {"containers": [{"name": "main"}]}},
    {"metadata": {"name": "e", "uid": "5"},
     "spec": {"containers": [{"name": "receiver"}, {"name": "proxy"}]}},
    {"metadata": {"name": "f", "uid": "6"}, "spec": {"containers": []}},
    {"metadata": {"name": "none"}}, 7]})");
  CHECK(pods == std::vector<LoggingPod>{{"a", "1", "main", false},
                                        {"b", "2", "receiver", true},
                                        {"c", "3", "main", true},
                                        {"d", "4", "main", false},
                                        {"e", "5", "receiver", false}});
  CHECK(pods_of("").empty());
  CHECK(pods_of("{}").empty());
}

TEST_CASE("a log is asked for by pod and container, from a time on") {
  const LoggingPod pod{"a-1", "u", "receiver", true};
  LogSource source{.ns = "kargo", .selector = "x=y", .since = std::chrono::seconds(90)};
  CHECK(log_target(source, pod, false) ==
        "/api/v1/namespaces/kargo/pods/a-1/log?container=receiver&sinceSeconds=90");
  CHECK(log_target(source, pod, true, at("2026-11-30T01:02:03.999Z")) ==
        "/api/v1/namespaces/kargo/pods/a-1/log?container=receiver"
        "&sinceTime=2026-11-30T01%3A02%3A03Z&follow=true");
  source.since.reset();
  CHECK(log_target(source, pod, true) ==
        "/api/v1/namespaces/kargo/pods/a-1/log?container=receiver&follow=true");
}

TEST_CASE("lines that come again with a log that is opened again are told once") {
  Repetition repetition;
  repetition.begin();
  const auto first = at("2026-11-30T00:00:01.100Z");
  const auto second = at("2026-11-30T00:00:01.200Z");
  const auto third = at("2026-11-30T00:00:01.300Z");
  CHECK_FALSE(repetition.last());
  CHECK_FALSE(repetition.is_repeated(first, "a"));
  CHECK_FALSE(repetition.is_repeated(first, "a"));  // the operator wrote it twice
  CHECK_FALSE(repetition.is_repeated(second, "b"));
  CHECK_FALSE(repetition.is_repeated(second, "c"));
  CHECK_FALSE(repetition.is_repeated(first, "late"));  // written by another thread
  CHECK(repetition.last() == second);
  repetition.begin();
  CHECK(repetition.is_repeated(first, "a"));
  CHECK(repetition.is_repeated(second, "b"));
  CHECK(repetition.is_repeated(second, "c"));
  CHECK_FALSE(repetition.is_repeated(second, "d"));
  CHECK_FALSE(repetition.is_repeated(third, "e"));
  CHECK_FALSE(repetition.is_repeated(second, "b"));  // it has caught up
}

}  // namespace receiver::ctl
