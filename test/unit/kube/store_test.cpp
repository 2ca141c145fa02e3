#include "kube/store.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "json/json.h"

namespace receiver::kube {

namespace {

struct Fruit {
  std::string name;
  std::string colour;
  std::vector<std::string> tags;

  bool operator==(const Fruit&) const = default;
};

/// A store of fruit, with its observer's calls as lines.
struct StoreFixture {
  Store<Fruit> store{
      [this](const ObjectMeta& meta,
             const rapidjson::Value& object) -> tl::expected<Fruit, std::string> {
        ++decoded;
        Fruit fruit{meta.key.name, std::string(json::string_at(object, "/colour")), {}};
        if (fruit.colour.empty()) return tl::unexpected(std::string("no colour"));
        if (const auto* tags = json::find(object, "/tags")) {
          for (const auto& tag : tags->GetArray()) fruit.tags.emplace_back(tag.GetString());
        }
        return fruit;
      },
      [](const Fruit& fruit) {
        std::vector<std::string> keys{"colour/" + fruit.colour};
        for (const auto& tag : fruit.tags) keys.push_back("tag/" + tag);
        return keys;
      }};
  int decoded = 0;
  std::vector<std::string> seen;

  StoreFixture() {
    store.observe([this](const ObjectKey& key, const Store<Fruit>::Object& before,
                         const Store<Fruit>::Object& now) {
      seen.push_back(key.str() + ": " + (before ? before->colour : "-") + " > " +
                     (now ? now->colour : "-"));
    });
  }

  static ObjectMeta meta(const std::string& name, const std::string& version) {
    return {.key = {"ns", name}, .uid = {}, .resource_version = version};
  }
  bool list(const std::string& name, const std::string& version, const std::string& json) {
    return store.add_listed(meta(name, version), *json::parse(json)).has_value();
  }
  bool upsert(const std::string& name, const std::string& version, const std::string& json) {
    return store.upsert(meta(name, version), *json::parse(json)).has_value();
  }
  std::string colour(const std::string& name) const {
    const auto object = store.get({"ns", name});
    return object ? object->colour : "-";
  }
  std::vector<std::string> names(std::string_view prefix) const {
    std::vector<std::string> found;
    for (const auto& object : store.by_index_prefix(prefix)) found.push_back(object->name);
    std::sort(found.begin(), found.end());
    return found;
  }
  std::vector<std::string> take_seen() {
    auto lines = std::exchange(seen, {});
    std::sort(lines.begin(), lines.end());
    return lines;
  }
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a store is synced once a whole list was read, and stays so") {
  StoreFixture f;
  CHECK_FALSE(f.store.synced());
  f.store.begin_replace();
  f.list("apple", "1", R"({"colour":"red"})");
  CHECK_FALSE(f.store.synced());
  f.store.abort_replace();
  CHECK_FALSE(f.store.synced());
  CHECK(f.store.size() == 0);
  f.store.begin_replace();
  f.store.end_replace();
  CHECK(f.store.synced());
  f.store.begin_replace();
  CHECK(f.store.synced());
  f.store.abort_replace();
  CHECK(f.store.synced());
}

TEST_CASE("a list replaces by difference, and readers see the old set until it is whole") {
  StoreFixture f;
  f.store.begin_replace();
  CHECK(f.list("apple", "1", R"({"colour":"red"})"));
  CHECK(f.list("pear", "2", R"({"colour":"green"})"));
  CHECK(f.list("plum", "3", R"({"colour":"blue"})"));
  CHECK(f.store.size() == 0);
  f.store.end_replace();
  CHECK(f.store.size() == 3);
  CHECK(f.store.list().size() == 3);
  CHECK(f.take_seen() == Lines{"ns/apple: - > red", "ns/pear: - > green", "ns/plum: - > blue"});
  const auto apple = f.store.get({"ns", "apple"});

  f.decoded = 0;
  f.store.begin_replace();
  CHECK(f.list("apple", "1", R"({"colour":"red"})"));
  CHECK(f.list("pear", "5", R"({"colour":"yellow"})"));
  CHECK(f.list("kiwi", "6", R"({"colour":"brown"})"));
  CHECK(f.colour("pear") == "green");
  CHECK(f.colour("plum") == "blue");
  CHECK(f.colour("kiwi") == "-");
  CHECK(f.seen.empty());
  f.store.end_replace();
  CHECK(f.take_seen() ==
        Lines{"ns/kiwi: - > brown", "ns/pear: green > yellow", "ns/plum: blue > -"});
  CHECK(f.store.get({"ns", "apple"}) == apple);
  CHECK(f.decoded == 2);  // the unchanged one was not
  CHECK(f.colour("plum") == "-");
  CHECK(f.names("colour/") == Lines{"apple", "kiwi", "pear"});
  CHECK(f.names("colour/green").empty());
}

TEST_CASE("a list that breaks off changes nothing") {
  StoreFixture f;
  f.store.begin_replace();
  f.list("apple", "1", R"({"colour":"red"})");
  f.store.end_replace();
  f.take_seen();
  f.store.begin_replace();
  f.list("pear", "2", R"({"colour":"green"})");
  f.list("apple", "3", R"({"colour":"yellow"})");
  f.store.abort_replace();
  CHECK(f.colour("apple") == "red");
  CHECK(f.store.size() == 1);
  CHECK(f.seen.empty());
  f.store.begin_replace();
  f.list("apple", "3", R"({"colour":"yellow"})");
  f.store.end_replace();
  CHECK(f.take_seen() == Lines{"ns/apple: red > yellow"});
  CHECK(f.colour("pear") == "-");
}

TEST_CASE("an object that cannot be read is refused, and an older copy is kept") {
  StoreFixture f;
  f.store.begin_replace();
  f.list("apple", "1", R"({"colour":"red"})");
  CHECK_FALSE(f.list("stone", "2", R"({})"));
  f.store.end_replace();
  CHECK(f.store.size() == 1);
  f.store.begin_replace();
  CHECK_FALSE(f.list("apple", "3", R"({})"));
  f.store.end_replace();
  CHECK(f.colour("apple") == "red");
  CHECK_FALSE(f.upsert("apple", "4", R"({})"));
  CHECK(f.colour("apple") == "red");
  CHECK(f.upsert("apple", "4", R"({"colour":"yellow"})"));
  CHECK(f.colour("apple") == "yellow");
}

TEST_CASE("an object of a list that cannot even be parsed is kept as it was") {
  StoreFixture f;
  f.upsert("apple", "1", R"({"colour":"red"})");
  f.upsert("pear", "2", R"({"colour":"green"})");
  f.take_seen();
  f.store.begin_replace();
  f.store.keep_listed({"ns", "apple"});
  f.store.keep_listed({"ns", "unknown"});
  f.store.end_replace();
  CHECK(f.colour("apple") == "red");
  CHECK(f.take_seen() == Lines{"ns/pear: green > -"});
}

TEST_CASE("an object that a list names twice counts as last named") {
  StoreFixture f;
  f.store.begin_replace();
  f.list("apple", "1", R"({"colour":"red"})");
  f.list("apple", "2", R"({"colour":"green"})");
  f.store.end_replace();
  CHECK(f.take_seen() == Lines{"ns/apple: - > green"});
  f.store.begin_replace();
  f.list("apple", "3", R"({"colour":"blue"})");
  f.list("apple", "2", R"({"colour":"green"})");
  f.store.end_replace();
  CHECK(f.colour("apple") == "green");
  CHECK(f.seen.empty());
}

TEST_CASE("events of a watch change single objects, and the observer sees before and now") {
  StoreFixture f;
  f.upsert("apple", "1", R"({"colour":"red"})");
  f.upsert("apple", "2", R"({"colour":"green"})");
  f.store.remove({"ns", "apple"});
  f.store.remove({"ns", "apple"});
  CHECK(f.seen == Lines{"ns/apple: - > red", "ns/apple: red > green", "ns/apple: green > -"});
  CHECK(f.store.size() == 0);
  CHECK(f.names("").empty());
}

TEST_CASE("observers see the store as it is after the change") {
  StoreFixture f;
  std::vector<std::string> views;
  f.store.observe([&](const ObjectKey& key, const auto&, const auto& now) {
    views.push_back(std::to_string(f.store.size()));
    CHECK(f.store.get(key) == now);
  });
  f.upsert("apple", "1", R"({"colour":"red"})");
  f.store.remove({"ns", "apple"});
  CHECK(views == Lines{"1", "0"});
}

TEST_CASE("what changes nothing is not told") {
  StoreFixture f;
  f.upsert("apple", "1", R"({"colour":"red"})");
  f.take_seen();
  f.decoded = 0;
  SECTION("the same resource version is not even decoded") {
    f.upsert("apple", "1", R"({"colour":"red"})");
    CHECK(f.decoded == 0);
  }
  SECTION("an equal value under a new resource version") {
    const auto before = f.store.get({"ns", "apple"});
    f.upsert("apple", "2", R"({"colour":"red","ignored":1})");
    CHECK(f.decoded == 1);
    f.upsert("apple", "2", R"({"colour":"red"})");
    CHECK(f.decoded == 1);
    CHECK(f.store.get({"ns", "apple"}) == before);
  }
  SECTION("in a list as well") {
    f.store.begin_replace();
    f.list("apple", "2", R"({"colour":"red"})");
    f.store.end_replace();
  }
  CHECK(f.seen.empty());
  CHECK(f.names("colour/red") == Lines{"apple"});
}

TEST_CASE("an index finds by any prefix of a key, each object once") {
  StoreFixture f;
  f.upsert("apple", "1", R"({"colour":"red","tags":["sweet","sweet-sour","round"]})");
  f.upsert("cherry", "2", R"({"colour":"red","tags":["sweet"]})");
  f.upsert("lemon", "3", R"({"colour":"yellow","tags":["sour","sour"]})");
  CHECK(f.names("tag/sweet") == Lines{"apple", "cherry"});
  CHECK(f.names("tag/sweet-") == Lines{"apple"});
  CHECK(f.names("tag/so") == Lines{"lemon"});
  CHECK(f.names("colour/red") == Lines{"apple", "cherry"});
  CHECK(f.names("tag/x").empty());
  CHECK(f.names("") == Lines{"apple", "cherry", "lemon"});
  f.upsert("apple", "4", R"({"colour":"green","tags":["sour"]})");
  CHECK(f.names("tag/sweet") == Lines{"cherry"});
  CHECK(f.names("tag/sour") == Lines{"apple", "lemon"});
  f.store.remove({"ns", "lemon"});
  CHECK(f.names("tag/sour") == Lines{"apple"});
}

TEST_CASE("index keys are ordered bytewise, beyond ASCII and past NUL") {
  using namespace std::string_literals;
  Store<std::string> store([](const ObjectMeta& meta, const rapidjson::Value&)
                               -> tl::expected<std::string, std::string> { return meta.key.name; },
                           [](const std::string& name) { return std::vector{name}; });
  const rapidjson::Value none;
  for (const auto& name : {"a\0b"s, "a\0c"s, "a"s, "a\xff"s, "a\x7f"s}) {
    store.upsert({.key = {"", name}, .uid = {}, .resource_version = "1"}, none);
  }
  CHECK(store.by_index_prefix("a").size() == 5);
  CHECK(store.by_index_prefix("a\0"s).size() == 2);
  CHECK(store.by_index_prefix("a\xff").size() == 1);
}

TEST_CASE("readers on other threads see whole lists only") {
  StoreFixture f;
  f.store.begin_replace();
  f.store.end_replace();
  std::atomic<bool> done = false;
  std::atomic<int> torn = 0;
  std::thread reader([&] {
    while (!done) {
      const auto objects = f.store.list();
      for (const auto& object : objects) {
        if (object->colour != objects.front()->colour) ++torn;
      }
      if (f.store.by_index_prefix("colour/").size() % 20 != 0) ++torn;
      if (const auto one = f.store.get({"ns", "7"}); one && one->name != "7") ++torn;
    }
  });
  for (int round = 0; round < 300; ++round) {
    f.store.begin_replace();
    for (int i = 0; i < 20; ++i) {
      f.list(std::to_string(i), std::to_string(round),
             round % 2 == 0 ? R"({"colour":"red"})" : R"({"colour":"blue"})");
    }
    f.store.end_replace();
  }
  done = true;
  reader.join();
  CHECK(torn == 0);
}

}  // namespace receiver::kube
