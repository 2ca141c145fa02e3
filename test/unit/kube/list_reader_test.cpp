#include "kube/list_reader.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace receiver::kube {

namespace {

/// The result of a body that arrived in pieces of `piece` bytes.
struct Read {
  std::vector<std::string> items;
  std::vector<std::size_t> too_large;
  std::string version, continue_token, error;
};

Read read(std::string_view body, std::size_t piece, std::size_t max_item = kMaxObjectBytes) {
  Read result;
  ListReader reader(
      [&](const ListReader::Item& item) {
        CHECK(item.position == result.items.size());
        if (item.too_large) result.too_large.push_back(item.position);
        result.items.emplace_back(item.json);
      },
      max_item);
  while (!body.empty()) {
    // A copy, so that the sanitizer detects code that reads beyond it or keeps it.
    const std::string part(body.substr(0, piece));
    body.remove_prefix(part.size());
    const auto fed = reader.feed(part);
    if (!fed) {
      result.error = fed.error();
      CHECK(reader.feed("{}").error() == result.error);
      CHECK(reader.finish().error() == result.error);
      return result;
    }
  }
  const auto page = reader.finish();
  if (!page) {
    result.error = page.error();
  } else {
    result.version = page->resource_version;
    result.continue_token = page->continue_token;
  }
  return result;
}

using Items = std::vector<std::string>;

}  // namespace

TEST_CASE("a list is cut into its items, in whatever pieces it arrives") {
  const std::string body =
      R"({"kind":"FruitList","apiVersion":"v1","metadata":{"resourceVersion":"12","continue":"abc"},)"
      R"("items":[{"a":1},{"b":"}]\"{","c":[[],{}]},{}]})"
      "\n";
  for (std::size_t piece = 1; piece <= body.size(); ++piece) {
    INFO("pieces of " << piece);
    const Read result = read(body, piece);
    CHECK(result.error.empty());
    CHECK(result.items == Items{R"({"a":1})", R"({"b":"}]\"{","c":[[],{}]})", "{}"});
    CHECK(result.version == "12");
    CHECK(result.continue_token == "abc");
  }
}

TEST_CASE("a list may have its members in any order, white space, and no items") {
  struct Case {
    std::string_view body;
    std::size_t items;
  };
  for (
      const auto& [body, items] : std::initializer_list<Case>{
          {R"({"items":[{},{}],"metadata":{"resourceVersion":"7"}})", 2},
          {R"({"metadata":{"resourceVersion":"7","remainingItemCount":3},"items":[]})", 0},
          {R"({"metadata":{"resourceVersion":"7"},"items":null})", 0},
          {" {\r\n \"metadata\" : { \"resourceVersion\" : \"7\" } ,\t\"items\" : [ { } , { } ] } "
           "\n",
           2},
          {R"({"x":[{"items":[1]}],"y":"items","z":-1.5,"t":true,"metadata":{"resourceVersion":"7"},"items":[{}]})",
           1},
      }) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, body.size()}) {
      INFO(body << " in pieces of " << piece);
      const Read result = read(body, piece);
      CHECK(result.error.empty());
      CHECK(result.items.size() == items);
      CHECK(result.version == "7");
      CHECK(result.continue_token.empty());
    }
  }
}

TEST_CASE("what is no list is an error that names the byte") {
  struct Case {
    std::string_view body, error;
  };
  for (const auto& [body, error] : std::initializer_list<Case>{
           {"<html>", "byte 0"},
           {"[]", "byte 0"},
           {R"({"metadata":{"resourceVersion":"1"},"items":[]} x)", "after the end"},
           {R"({"metadata":{"resourceVersion":"1"},"items":{}})",
            "neither an array nor null at byte 44"},
           {R"({"metadata":{"resourceVersion":"1"},"items":[{} {}]})", "byte 48"},
           {R"({"metadata":{"resourceVersion":"1"},"items":[{},]})",
            "an item is missing at byte 48"},
           {R"({"metadata":{"resourceVersion":"1"},"items":[,{}]})",
            "an item is missing at byte 45"},
           {R"({"metadata":,"items":[]})", "a value is missing at byte 12"},
           {R"({"metadata" {}})", "colon"},
           {R"({metadata:{}})", "name is missing at byte 1"},
           {R"({"items":[],})", "name is missing at byte 12"},
           {R"({"items":[] "metadata":{}})", "comma"},
           {R"({"metadata":{"resourceVersion":1 2},"items":[]})",
            "a comma or } is missing at byte 21 at byte 35"},
           {R"({"metadata":{"resourceVersion":"1"}})", "no items"},
           {R"({"metadata":{},"items":[]})", "no metadata.resourceVersion"},
           {R"({"metadata":{"resourceVersion":7},"items":[]})", "no metadata.resourceVersion"},
           {R"({"metadata":{"resourceVersion":"1"},"items":[{})", "ends early, after 47 bytes"},
           {R"({"metadata":{"resourceVersion":"1"},"items":[{"a)", "ends early"},
           {"", "ends early, after 0 bytes"},
       }) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{10}, body.size() + 1}) {
      INFO(body << " in pieces of " << piece);
      CHECK_THAT(read(body, piece).error, Catch::Contains(std::string(error)));
    }
  }
}

TEST_CASE("an item above the bound is named as such and the others are read") {
  const std::string large = R"({"metadata":{"name":"large"},"x":")" + std::string(100, 'x') + "\"}";
  const std::string body =
      R"({"metadata":{"resourceVersion":"1"},"items":[{"a":1},)" + large + R"(,{"b":2}]})";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{13}, body.size()}) {
    const Read result = read(body, piece, large.size() - 1);
    CHECK(result.error.empty());
    CHECK(result.too_large == std::vector<std::size_t>{1});
    CHECK(result.items == Items{R"({"a":1})", large.substr(0, large.size() - 1), R"({"b":2})"});
    CHECK(read(body, piece, large.size()).too_large.empty());
  }
}

TEST_CASE("an item of 8 MiB is read in linear time, also in small pieces") {
  const std::string large = "{\"x\":\"" + std::string(8 * 1024 * 1024, '\\') + "\"}";
  const std::string body =
      R"({"metadata":{"resourceVersion":"1"},"items":[)" + large + "," + large + "]}";
  for (const std::size_t piece : {std::size_t{16}, std::size_t{4096}}) {
    const Read result = read(body, piece);
    CHECK(result.error.empty());
    REQUIRE(result.items.size() == 2);
    CHECK(result.items[0] == large);
    CHECK(result.items[1] == large);
  }
}

}  // namespace receiver::kube
