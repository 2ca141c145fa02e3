#include "controllers/routes.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

namespace receiver::controllers {
namespace {

using Names = std::vector<std::string>;

const kube::ObjectKey kApplesConfig{"apples", "apples"};
const kube::ObjectKey kPearsConfig{"pears", "pears"};

Route route(std::string path, std::string receiver) {
  return {.path = std::move(path),
          .project = "apples",
          .receiver = std::move(receiver),
          .key = crypto::SecretString(std::string("key")),
          .previous = false};
}

Names receivers_at(const RouteTable& table, std::string_view path) {
  Names names;
  for (const Route& found : table.find(path)) names.push_back(found.receiver);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("a path is found with all that belongs to it") {
  RouteTable table;
  Route given = route("/bitbucket/1", "one");
  given.previous = true;
  table.replace(kApplesConfig, {given}, false);

  const auto found = table.find("/bitbucket/1");
  REQUIRE(found.size() == 1);
  CHECK(found[0].path == "/bitbucket/1");
  CHECK(found[0].project == "apples");
  CHECK(found[0].receiver == "one");
  CHECK(found[0].key == given.key);
  CHECK(found[0].previous);
}

TEST_CASE("only the whole path is found") {
  RouteTable table;
  table.replace(kApplesConfig, {route("/bitbucket/1", "one")}, false);
  for (const std::string_view other :
       {"", "/", "/bitbucket", "/bitbucket/", "/bitbucket/1/", "/bitbucket/11", "/Bitbucket/1"}) {
    INFO(other);
    CHECK(table.find(other).empty());
  }
}

TEST_CASE("a path is known with any number of the base path's leading segments missing") {
  RouteTable table;
  Route other = route("/a/b/c/bitbucket/2", "two");
  table.replace(kApplesConfig, {route("/a/b/c/bitbucket/1", "one"), other}, false);
  table.replace(kPearsConfig, {route("/c/bitbucket/1", "three")}, false);
  const std::vector<std::pair<std::string_view, Names>> rows{
      {"/a/b/c/bitbucket/1", {"one"}},
      {"/b/c/bitbucket/1", {"one"}},
      {"/c/bitbucket/1", {"one", "three"}},
      {"/bitbucket/1", {"one", "three"}},
      {"/a/b/c/bitbucket/2", {"two"}},
      {"/bitbucket/2", {"two"}},
      // With a part missing in the middle or at the end, or added in front, it is another path.
      {"/a/c/bitbucket/1", {}},
      {"/x/a/b/c/bitbucket/1", {}},
      {"/x/bitbucket/1", {}},
      {"b/c/bitbucket/1", {}},
      {"c/bitbucket/1", {}},
      {"//bitbucket/1", {}},
      {"/1", {}},
      {"1", {}},
      {"bitbucket/1", {}},
      {"/bitbucket/", {}},
      {"/bitbucket/3", {}},
      {"/bitbucket/1/", {}},
      {"/B/c/bitbucket/1", {}},
  };
  for (const auto& [path, receivers] : rows) {
    INFO(path);
    CHECK(receivers_at(table, path) == receivers);
  }
}

TEST_CASE("a receiver is served until its path leaves the table") {
  RouteTable table;
  table.replace(kApplesConfig, {route("/bitbucket/1", "one"), route("/bitbucket/1", "two")}, false);
  CHECK(table.serves("/bitbucket/1", "apples", "one"));
  CHECK(table.serves("/bitbucket/1", "apples", "two"));
  CHECK_FALSE(table.serves("/bitbucket/2", "apples", "one"));
  CHECK_FALSE(table.serves("/bitbucket/1", "pears", "one"));
  CHECK_FALSE(table.serves("/bitbucket/1", "apples", "three"));

  table.replace(kApplesConfig, {route("/bitbucket/2", "one")}, false);
  CHECK_FALSE(table.serves("/bitbucket/1", "apples", "one"));
  CHECK(table.serves("/bitbucket/2", "apples", "one"));
}

TEST_CASE("an owner's routes take the place of those that it had") {
  RouteTable table;
  table.replace(kApplesConfig, {route("/1", "one"), route("/2", "two")}, false);
  table.replace(kPearsConfig, {route("/3", "three")}, false);
  table.replace(kApplesConfig, {route("/2", "two"), route("/4", "four")}, false);
  CHECK(table.find("/1").empty());
  CHECK(receivers_at(table, "/2") == Names{"two"});
  CHECK(receivers_at(table, "/3") == Names{"three"});
  CHECK(receivers_at(table, "/4") == Names{"four"});
  CHECK(table.size() == 3);
}

TEST_CASE("receivers that share a path are all found, and leave it one by one") {
  RouteTable table;
  table.replace(kApplesConfig, {route("/1", "one"), route("/1", "two")}, false);
  table.replace(kPearsConfig, {route("/1", "three")}, false);
  CHECK(receivers_at(table, "/1") == Names{"one", "three", "two"});

  table.replace(kApplesConfig, {route("/1", "two")}, false);
  CHECK(receivers_at(table, "/1") == Names{"three", "two"});
  table.replace(kApplesConfig, {}, false);
  CHECK(receivers_at(table, "/1") == Names{"three"});
  table.replace(kPearsConfig, {}, false);
  CHECK(table.find("/1").empty());
  CHECK(table.size() == 0);
}

TEST_CASE("an owner that never had routes goes without a trace") {
  RouteTable table;
  table.replace(kApplesConfig, {route("/1", "one")}, false);
  table.replace(kPearsConfig, {}, false);
  CHECK(table.size() == 1);
}

TEST_CASE("an owner without routes whose Secret is unread keeps the table incomplete") {
  RouteTable table;
  table.owners_listed();
  CHECK(table.complete());
  table.replace(kApplesConfig, {}, true);
  CHECK_FALSE(table.complete());
}

TEST_CASE("the table is complete once the owners are listed and none waits for a Secret") {
  RouteTable table;
  CHECK_FALSE(table.complete());
  table.replace(kApplesConfig, {route("/1", "one")}, true);
  table.replace(kPearsConfig, {}, true);
  table.owners_listed();
  CHECK_FALSE(table.complete());

  table.replace(kApplesConfig, {route("/1", "one"), route("/2", "two")}, false);
  CHECK_FALSE(table.complete());
  table.replace(kPearsConfig, {}, false);  // its Secret was read, or does not exist
  CHECK(table.complete());

  table.replace(kApplesConfig, {route("/1", "one")}, true);
  CHECK_FALSE(table.complete());
}

TEST_CASE("the projects are those of the routes, the empty one for all namespaces") {
  RouteTable table;
  CHECK(table.projects().empty());
  Route everywhere = route("/2", "two");
  everywhere.project = "";
  table.replace(kApplesConfig, {route("/1", "one"), route("/3", "three")}, false);
  table.replace({"", "cluster"}, {everywhere}, false);
  CHECK(table.projects() == std::set<std::string>{"", "apples"});
  table.replace({"", "cluster"}, {}, false);
  CHECK(table.projects() == std::set<std::string>{"apples"});
}

TEST_CASE("readers on other threads always see an owner's routes whole") {
  RouteTable table;
  table.replace(kApplesConfig, {route("/shared", "a"), route("/shared", "b")}, false);
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::atomic<int> reads{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const Names names = receivers_at(table, "/shared");
        if (names != Names{"a", "b"} && names != Names{"c", "d"}) ++torn;
        if (table.size() < 2 || table.complete()) ++torn;
        ++reads;
      }
    });
  }
  for (int turn = 0; turn < 500 || reads < 100; ++turn) {
    const bool even = turn % 2 == 0;
    table.replace(kApplesConfig,
                  {route("/shared", even ? "c" : "a"), route("/shared", even ? "d" : "b")}, even);
    table.replace(kPearsConfig, {route("/pears", "p")}, false);
    table.replace(kPearsConfig, {}, false);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(torn == 0);
}

}  // namespace receiver::controllers
