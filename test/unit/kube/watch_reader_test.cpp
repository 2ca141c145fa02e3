#include "kube/watch_reader.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace receiver::kube {

namespace {

struct Cut {
  std::vector<std::string> events;
  int too_large = 0;
  std::string error;
};

Cut cut_up(std::string_view body, std::size_t piece, std::size_t stop_after = 1000,
           std::size_t max_event = kMaxObjectBytes) {
  Cut result;
  WatchReader reader(
      [&](const WatchReader::Event& event) {
        result.events.emplace_back(event.json);
        if (event.too_large) ++result.too_large;
        return result.events.size() < stop_after;
      },
      max_event);
  while (!body.empty() && result.error.empty()) {
    const std::string part(body.substr(0, piece));
    body.remove_prefix(part.size());
    if (const auto fed = reader.feed(part); !fed) result.error = fed.error();
  }
  return result;
}

using Events = std::vector<std::string>;

}  // namespace

TEST_CASE("a watch is cut into its events, in whatever pieces it arrives") {
  const Events events{R"({"type":"ADDED","object":{"x":"}\"{"}})",
                      R"({"type":"BOOKMARK","object":{}})", "{\n \"type\": \"DELETED\" }"};
  for (const std::string between : {"\n", "", "\r\n\r\n "}) {
    const std::string body = events[0] + between + events[1] + between + events[2] + between;
    for (std::size_t piece = 1; piece <= body.size(); ++piece) {
      INFO("pieces of " << piece);
      const Cut result = cut_up(body, piece);
      CHECK(result.error.empty());
      CHECK(result.events == events);
    }
  }
}

TEST_CASE("an event that is not whole yet is kept until it is") {
  std::vector<std::string> events;
  WatchReader reader([&](const WatchReader::Event& event) {
    events.emplace_back(event.json);
    return true;
  });
  REQUIRE(reader.feed(R"({"type":"AD)"));
  CHECK(events.empty());
  REQUIRE(reader.feed("DED\"}"));
  CHECK(events == Events{R"({"type":"ADDED"})"});
}

TEST_CASE("what is no event ends the watch with an error that names the byte") {
  CHECK_THAT(cut_up("{}\n<html>", 100).error, Catch::Contains("byte 3"));
  CHECK_THAT(cut_up("{}\n<html>", 1).error, Catch::Contains("byte 3"));
  CHECK_THAT(cut_up("[]", 1).error, Catch::Contains("byte 0"));
}

TEST_CASE("after an event that ends it a watch is not read on") {
  CHECK(cut_up("{}\n{}\n{}\n", 100, 2).events.size() == 2);
  CHECK(cut_up("{}\n{}\n!!!", 1, 2).error.empty());
}

TEST_CASE("an event above the bound is named as such and the next is read") {
  const std::string body = "{\"a\":1}\n{\"large\":\"" + std::string(50, 'x') + "\"}\n{\"b\":2}\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{9}, body.size()}) {
    const Cut result = cut_up(body, piece, 1000, 20);
    CHECK(result.too_large == 1);
    REQUIRE(result.events.size() == 3);
    CHECK(result.events[1] == R"({"large":"xxxxxxxxxx)");
    CHECK(result.events[2] == R"({"b":2})");
  }
}

TEST_CASE("an event is read with what is kept of its object, and always its metadata") {
  const json::Projection projection = watch_event_projection({"/spec/colour"});
  const auto event = read_watch_event(
      R"({"type":"MODIFIED","object":{"kind":"Fruit","metadata":{"name":"apple","namespace":"ns","resourceVersion":"5",)"
      R"("labels":{"a":"b"},"managedFields":[{}]},"spec":{"colour":"red","weight":3},"status":{"big":[]}}})",
      projection);
  REQUIRE(event.has_value());
  CHECK(event->type == WatchEvent::Type::kModified);
  CHECK(json::string_at(event->object(), "/metadata/name") == "apple");
  CHECK(json::string_at(event->object(), "/metadata/resourceVersion") == "5");
  CHECK(json::to_text(*json::find(event->object(), "/spec")) == R"({"colour":"red"})");
  CHECK(json::find(event->object(), "/status") == nullptr);
  CHECK(json::find(event->object(), "/metadata/managedFields") == nullptr);
}

TEST_CASE("an error event carries a Status") {
  const auto event = read_watch_event(
      R"({"type":"ERROR","object":{"kind":"Status","status":"Failure","message":"too old resource version","reason":"Expired","code":410}})",
      watch_event_projection({}));
  REQUIRE(event.has_value());
  CHECK(event->type == WatchEvent::Type::kError);
  CHECK(json::int_at(event->object(), "/code") == 410);
  CHECK(json::string_at(event->object(), "/kind") == "Status");
  CHECK(json::string_at(event->object(), "/reason") == "Expired");
}

TEST_CASE("every type of event is known, others are errors") {
  using Type = WatchEvent::Type;
  const auto type = [](const std::string& name) {
    return read_watch_event(R"({"type":")" + name + R"(","object":{}})",
                            watch_event_projection({}));
  };
  CHECK(type("ADDED")->type == Type::kAdded);
  CHECK(type("MODIFIED")->type == Type::kModified);
  CHECK(type("DELETED")->type == Type::kDeleted);
  CHECK(type("BOOKMARK")->type == Type::kBookmark);
  CHECK(type("ERROR")->type == Type::kError);
  CHECK_FALSE(type("RENAMED").has_value());
  for (const auto* json : {"{}", "[]", R"({"type":7,"object":{}})", R"({"type":"ADDED"})",
                           R"({"type":"ADDED","object":[]})", R"({"type":"ADDED","object":{)"}) {
    CHECK_FALSE(read_watch_event(json, watch_event_projection({})).has_value());
  }
}

}  // namespace receiver::kube
