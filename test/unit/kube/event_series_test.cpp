#include "kube/event_series.h"

#include <chrono>
#include <optional>
#include <string>

#include <catch2/catch.hpp>

#include "json/json.h"

namespace receiver::kube {

using namespace std::chrono_literals;
using Result = EventSeries::Result;
using Method = EventSeries::Write::Method;

namespace {

const EventSeries::Time kFirstEvent{1000h};
const clock::Wall::time_point kFirstEventTime{
    std::chrono::seconds(1767323045)};  // 2026-01-02T03:04:05Z

Occurrence secret_not_found(std::string name = "demo") {
  return {.regarding = {.api_version = "kargo.akuity.io/v1alpha1",
                        .kind = "ProjectConfig",
                        .key = {"demo", std::move(name)},
                        .uid = "u-1",
                        .resource_version = "77"},
          .type = EventType::kWarning,
          .reason = "SecretNotFound",
          .action = "PublishReceivers",
          .note = "Secret demo/wh is missing"};
}

/// A series with a time in seconds since the test began.
class Test {
 public:
  explicit Test(EventSeries::Options options = {.controller = "example.com/receiver",
                                                .instance = "pod-1",
                                                .default_namespace = "default"})
      : series(std::move(options)) {}

  bool observe(Occurrence occurrence, std::chrono::seconds at = 0s) {
    return series.observe(std::move(occurrence), kFirstEventTime + at, kFirstEvent + at);
  }

  /// The next write, settled at once.
  std::optional<EventSeries::Write> write(std::chrono::seconds at = 0s,
                                          Result result = Result::kDone) {
    series.advance(kFirstEvent + at);
    auto next = series.next();
    if (next) series.settle(result, kFirstEvent + at);
    return next;
  }

  EventSeries series;
};

json::Document parsed(const std::optional<EventSeries::Write>& write) {
  REQUIRE(write.has_value());
  auto document = json::parse(write->body);
  REQUIRE(document.has_value());
  return std::move(*document);
}

/// As a new Event, in place of the former one.
void check_written_anew(const std::optional<EventSeries::Write>& write,
                        const EventSeries::Write& former) {
  REQUIRE(write.has_value());
  CHECK(write->method == Method::kCreate);
  CHECK(write->name != former.name);
  CHECK(json::find(parsed(write), "/series") == nullptr);
}

}  // namespace

TEST_CASE("the first occurrence creates an Event with all that the API requires") {
  Test test;
  test.observe(secret_not_found());
  const auto write = test.write();
  const auto event = parsed(write);
  CHECK(write->method == Method::kCreate);
  CHECK(write->ns == "demo");
  CHECK(json::string_at(event, "/apiVersion") == "events.k8s.io/v1");
  CHECK(json::string_at(event, "/kind") == "Event");
  CHECK(json::string_at(event, "/metadata/namespace") == "demo");
  CHECK(json::string_at(event, "/metadata/name") == write->name);
  CHECK_THAT(write->name, Catch::StartsWith("demo."));
  CHECK(json::string_at(event, "/eventTime") == "2026-01-02T03:04:05.000000Z");
  CHECK(json::string_at(event, "/type") == "Warning");
  CHECK(json::string_at(event, "/reason") == "SecretNotFound");
  CHECK(json::string_at(event, "/action") == "PublishReceivers");
  CHECK(json::string_at(event, "/note") == "Secret demo/wh is missing");
  CHECK(json::string_at(event, "/reportingController") == "example.com/receiver");
  CHECK(json::string_at(event, "/reportingInstance") == "pod-1");
  CHECK(json::string_at(event, "/regarding/apiVersion") == "kargo.akuity.io/v1alpha1");
  CHECK(json::string_at(event, "/regarding/kind") == "ProjectConfig");
  CHECK(json::string_at(event, "/regarding/namespace") == "demo");
  CHECK(json::string_at(event, "/regarding/name") == "demo");
  CHECK(json::string_at(event, "/regarding/uid") == "u-1");
  CHECK(json::string_at(event, "/regarding/resourceVersion") == "77");
  CHECK(json::find(event, "/series") == nullptr);
  CHECK_FALSE(test.write().has_value());
}

TEST_CASE("what the API refuses if it is empty is what stands nearest to it") {
  Test test({.controller = "example.com/receiver", .instance = "", .default_namespace = "default"});
  Occurrence occurrence = secret_not_found();
  occurrence.action.clear();
  test.observe(occurrence);
  const auto event = parsed(test.write());
  CHECK(json::string_at(event, "/reportingInstance") == "example.com/receiver");
  CHECK(json::string_at(event, "/action") == "SecretNotFound");
}

TEST_CASE("the second equal occurrence makes it a series at once") {
  Test test;
  test.observe(secret_not_found());
  const auto created = test.write();
  test.observe(secret_not_found(), 10s);
  const auto write = test.write(10s);
  const auto patch = parsed(write);
  CHECK(write->method == Method::kPatch);
  CHECK(write->name == created->name);
  CHECK(json::int_at(patch, "/series/count") == 2);
  CHECK(json::string_at(patch, "/series/lastObservedTime") == "2026-01-02T03:04:15.000000Z");
}

TEST_CASE("another version of the object is the same object") {
  Test test;
  test.observe(secret_not_found());
  test.write();
  auto later = secret_not_found();
  later.regarding.resource_version = "78";
  test.observe(later);
  CHECK(test.write()->method == Method::kPatch);
}

TEST_CASE("what differs in object, type, reason, action or note is another Event") {
  const auto variants = [] {
    std::vector<Occurrence> all(6, secret_not_found());
    all[1].regarding.key.name = "other";
    all[2].regarding.uid = "u-2";
    all[3].type = EventType::kNormal;
    all[4].reason = "SecretInvalid";
    all[5].note = "Secret demo/other is missing";
    return all;
  }();
  Test test;
  for (const auto& occurrence : variants) test.observe(occurrence);
  for (std::size_t i = 0; i < variants.size(); ++i) CHECK(test.write()->method == Method::kCreate);
  CHECK_FALSE(test.write().has_value());
}

TEST_CASE("a growing series is told every minute, not every time") {
  Test test;
  test.observe(secret_not_found());
  test.write();
  test.observe(secret_not_found());
  CHECK(json::int_at(parsed(test.write()), "/series/count") == 2);
  for (int i = 0; i < 5; ++i) test.observe(secret_not_found(), 1s);
  CHECK_FALSE(test.write(59s).has_value());
  CHECK(test.series.next_due() == kFirstEvent + 60s);
  CHECK(json::int_at(parsed(test.write(60s)), "/series/count") == 7);
  CHECK_FALSE(test.write(180s).has_value());
}

TEST_CASE("after six quiet minutes the next occurrence begins a new Event") {
  Test test;
  test.observe(secret_not_found());
  const auto first = test.write();
  SECTION("it is still the same one just before") {
    test.observe(secret_not_found(), 359s);
    CHECK(test.write(359s)->method == Method::kPatch);
  }
  SECTION("and another one after") {
    CHECK_FALSE(test.write(360s).has_value());
    CHECK(test.series.size() == 0);
    CHECK_FALSE(test.series.next_due().has_value());
    test.observe(secret_not_found(), 360s);
    const auto second = test.write(360s);
    CHECK(second->method == Method::kCreate);
    CHECK(second->name != first->name);
  }
}

TEST_CASE("occurrences that come before the Event is written are counted in it") {
  Test test;
  for (int i = 0; i < 3; ++i) test.observe(secret_not_found(), std::chrono::seconds(i));
  const auto write = test.write(2s);
  const auto event = parsed(write);
  CHECK(write->method == Method::kCreate);
  CHECK(json::string_at(event, "/eventTime") == "2026-01-02T03:04:05.000000Z");
  CHECK(json::int_at(event, "/series/count") == 3);
  CHECK(json::string_at(event, "/series/lastObservedTime") == "2026-01-02T03:04:07.000000Z");
}

TEST_CASE("an occurrence during a write is told afterwards: one write at a time") {
  Test test;
  test.observe(secret_not_found());
  REQUIRE(test.series.next().has_value());
  test.observe(secret_not_found());
  test.observe(secret_not_found("other"));
  CHECK_FALSE(test.series.next().has_value());
  test.series.settle(Result::kDone, kFirstEvent);
  CHECK(test.write()->method == Method::kCreate);  // other
  CHECK(json::int_at(parsed(test.write()), "/series/count") == 2);
}

TEST_CASE("a series that the API server has forgotten is created again, with its count") {
  Test test;
  test.observe(secret_not_found());
  const auto first = test.write();
  test.observe(secret_not_found());
  CHECK(test.write(0s, Result::kGone)->method == Method::kPatch);
  const auto again = test.write();
  CHECK(again->method == Method::kCreate);
  CHECK(again->name != first->name);
  CHECK(json::int_at(parsed(again), "/series/count") == 2);
}

TEST_CASE("a failed Event is forgotten: the next occurrence tries again") {
  Test test;
  test.observe(secret_not_found());
  test.write(0s, Result::kFailed);
  CHECK(test.series.size() == 0);
  test.observe(secret_not_found());
  CHECK(test.write()->method == Method::kCreate);
}

TEST_CASE("Events about cluster-scoped objects are in a namespace that the API accepts") {
  struct Row {
    std::string wanted, used;
  };
  for (const Row& row : {Row{"default", "default"}, Row{"kube-system", "kube-system"},
                         Row{"kargo", "default"}, Row{"", "default"}}) {
    CAPTURE(row.wanted);
    Test test({.controller = "c", .instance = "i", .default_namespace = row.wanted});
    auto occurrence = secret_not_found();
    occurrence.regarding.key = {"", "cluster"};
    test.observe(occurrence);
    CHECK(test.write()->ns == row.used);
  }
}

TEST_CASE("names of Events are unique, and valid whatever the object is called") {
  Test test;
  for (const std::string& name : {std::string("demo"), std::string("Upper:case"),
                                  std::string("a..b"), std::string("-a"), std::string(250, 'x')}) {
    CAPTURE(name);
    auto occurrence = secret_not_found(name);
    test.observe(occurrence);
    occurrence.note = "another";
    test.observe(occurrence);
    const auto first = test.write();
    const auto second = test.write();
    CHECK(first->name != second->name);
    CHECK(first->name.size() <= 253);
    CHECK_THAT(first->name, Catch::StartsWith(name == "demo" ? "demo." : "event."));
  }
}

TEST_CASE("what is too long for the API is cut at a whole character") {
  Test test({.controller = "c", .instance = std::string(200, 'i'), .default_namespace = ""});
  auto occurrence = secret_not_found();
  occurrence.reason = std::string(200, 'r');
  occurrence.action = "";
  occurrence.note = "x";
  while (occurrence.note.size() < 1100) occurrence.note += "\u00fc";
  test.observe(occurrence);
  const auto event = parsed(test.write());
  CHECK(json::string_at(event, "/reportingInstance") == std::string(128, 'i'));
  CHECK(json::string_at(event, "/reason") == std::string(128, 'r'));
  CHECK(json::string_at(event, "/action") == std::string(128, 'r'));
  CHECK(json::string_at(event, "/note").size() == 1024);
  CHECK_THAT(std::string(json::string_at(event, "/note")), Catch::EndsWith("\u00fc\u2026"));
}

TEST_CASE("beyond the queue's bound new Events are dropped, and known ones still count") {
  Test test({.controller = "c", .instance = "i", .default_namespace = "", .queue = 2});
  CHECK(test.observe(secret_not_found("a")));
  CHECK(test.observe(secret_not_found("b")));
  CHECK_FALSE(test.observe(secret_not_found("c")));
  CHECK(test.observe(secret_not_found("a")));
  CHECK(json::int_at(parsed(test.write()), "/series/count") == 2);
  CHECK(test.observe(secret_not_found("c")));
}

TEST_CASE("writes take turns by object: a hundred Events about one do not hold up another's") {
  Test test;
  for (int i = 0; i < 100; ++i) {
    auto occurrence = secret_not_found("a");
    occurrence.note = std::to_string(i);
    test.observe(occurrence);
  }
  test.observe(secret_not_found("b"));
  test.observe(secret_not_found("c"));
  std::string order;
  for (int i = 0; i < 5; ++i) {
    const auto event = parsed(test.write());
    order += json::string_at(event, "/regarding/name");
  }
  CHECK(order == "abcaa");
}

TEST_CASE("a full queue has room for another object, at the cost of the one with the most") {
  Test test({.controller = "c", .instance = "i", .default_namespace = "", .queue = 4});
  const auto numbered = [](const std::string& name, int number) {
    auto occurrence = secret_not_found(name);
    occurrence.note = std::to_string(number);
    return occurrence;
  };
  for (int i = 0; i < 4; ++i) CHECK(test.observe(numbered("a", i)));
  CHECK_FALSE(test.observe(numbered("a", 4)));  // itself
  CHECK_FALSE(test.observe(numbered("b", 0)));  // a's newest
  CHECK_FALSE(test.observe(numbered("b", 1)));
  CHECK_FALSE(test.observe(numbered("b", 2)));  // itself: neither has more
  std::string written;
  while (const auto write = test.write()) {
    const auto event = parsed(write);
    written += std::string(json::string_at(event, "/regarding/name")) +
               std::string(json::string_at(event, "/note")) + " ";
  }
  CHECK(written == "a0 b0 a1 b1 ");
}

TEST_CASE("what is cleared is not written, and the write in progress is its Event's last") {
  Test test;
  test.observe(secret_not_found("a"));
  test.observe(secret_not_found("b"));
  REQUIRE(test.series.next().has_value());
  test.observe(secret_not_found("a"));
  test.series.clear();
  CHECK_FALSE(test.series.waiting());
  test.series.settle(Result::kDone, kFirstEvent);
  CHECK_FALSE(test.write(120s).has_value());
  test.observe(secret_not_found("b"), 121s);
  CHECK(test.write(121s)->method == Method::kCreate);
}

TEST_CASE("what happens again while its failing write was in progress is written as a new Event") {
  Test test;
  test.observe(secret_not_found("a"));
  const auto first = test.series.next();
  REQUIRE(first.has_value());
  const bool cleared = GENERATE(false, true);
  if (cleared) test.series.clear();
  test.observe(secret_not_found("a"), 10s);
  test.series.settle(Result::kFailed, kFirstEvent + 11s);
  check_written_anew(test.write(12s), *first);
  CHECK_FALSE(test.write(120s).has_value());
}

TEST_CASE("so is what happens again while the write of its series fails") {
  Test test;
  test.observe(secret_not_found());
  const auto first = test.write();
  REQUIRE(first.has_value());
  test.observe(secret_not_found());
  const auto series = test.series.next();
  REQUIRE(series.has_value());
  CHECK(series->method == Method::kPatch);
  test.observe(secret_not_found(), 10s);
  test.series.settle(Result::kFailed, kFirstEvent + 11s);
  check_written_anew(test.write(12s), *first);
}

TEST_CASE("memory is bounded: the quietest Event is forgotten first") {
  Test test;
  for (std::size_t i = 0; i < EventSeries::kMaxEvents + 10; ++i) {
    test.observe(secret_not_found(std::to_string(i)), std::chrono::seconds(i / 10));
    REQUIRE(test.series.next().has_value());
    test.series.settle(Result::kDone, kFirstEvent);
  }
  CHECK(test.series.size() == EventSeries::kMaxEvents);
  const auto end = std::chrono::seconds(EventSeries::kMaxEvents / 10 + 1);
  test.observe(secret_not_found("0"), end);
  CHECK(test.series.next()->method == Method::kCreate);  // was forgotten
}

}  // namespace receiver::kube
