#include "kube/object_meta.h"

#include <string>

#include <catch2/catch.hpp>

namespace receiver::kube {

TEST_CASE("metadata is read as far as it is used") {
  const auto object = json::parse(
      R"({"metadata":{"name":"apple","namespace":"ns","uid":"u","resourceVersion":"5","generation":3,)"
      R"("deletionTimestamp":"2026-01-02T03:04:05Z","labels":{}}})",
      with_meta({}));
  REQUIRE(object.has_value());
  const auto meta = read_meta(*object);
  REQUIRE(meta.has_value());
  CHECK(meta->key == ObjectKey{"ns", "apple"});
  CHECK(meta->uid == "u");
  CHECK(meta->resource_version == "5");
  CHECK(meta->generation == 3);
  CHECK(meta->deleting);
  CHECK_FALSE(json::find(*object, "/metadata/labels"));
}

TEST_CASE("of metadata only name and version are required") {
  const auto meta =
      read_meta(*json::parse(R"({"metadata":{"name":"apple","resourceVersion":"5"}})"));
  REQUIRE(meta.has_value());
  CHECK(meta->key == ObjectKey{"", "apple"});
  CHECK(meta->generation == 0);
  CHECK_FALSE(meta->deleting);
  for (const auto* json :
       {"{}", "[]", R"({"metadata":[]})", R"({"metadata":{"name":7,"resourceVersion":"5"}})",
        R"({"metadata":{"resourceVersion":"5"}})"}) {
    CHECK(read_meta(*json::parse(json)).error() == "it has no metadata.name");
  }
  CHECK(read_meta(*json::parse(R"({"metadata":{"name":"apple"}})")).error() ==
        "it has no metadata.resourceVersion");
}

TEST_CASE("the key is found in an object of which only the beginning is there") {
  const std::string whole =
      R"({"kind":"X","a":{"name":"no"},"metadata":{"annotations":{"name":"no"},"name":"apple","namespace":"ns","uid":"u"},"spec":{"name":"no"}})";
  const auto end_of_name = whole.find(R"("apple",)") + 8;
  const auto end_of_namespace = whole.find(R"("ns",)") + 5;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const ObjectKey key = key_in_beginning(whole.substr(0, size));
    INFO(whole.substr(0, size));
    CHECK((key.name.empty() || key.name == "apple"));
    CHECK((key.ns.empty() || key.ns == "ns"));
    if (size >= end_of_name) CHECK(key.name == "apple");
    if (size >= end_of_namespace) CHECK(key.ns == "ns");
  }
  CHECK(key_in_beginning("nonsense").name.empty());
}

}  // namespace receiver::kube
