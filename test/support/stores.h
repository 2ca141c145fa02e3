#pragma once

#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "api/promotion.h"
#include "api/warehouse.h"
#include "json/json.h"
#include "kube/store.h"
#include "webhook/targets.h"

namespace receiver::test {

/// Stores as in the operator, filled as by a reflector.
struct Stores {
  kube::Store<api::Warehouse> warehouses{api::decode_warehouse, webhook::warehouse_index_keys};
  kube::Store<api::Promotion> promotions{api::decode_promotion, webhook::promotion_index_keys};
  int version = 0;

  static void sync(kube::ObjectSink& sink) {
    sink.begin_replace();
    sink.end_replace();
  }

  void put(kube::ObjectSink& sink, const kube::ObjectKey& key, const std::string& json) {
    const auto object = json::parse(json);
    INFO(json);
    REQUIRE(object);
    const kube::ObjectMeta meta{
        .key = key, .uid = {}, .resource_version = std::to_string(++version)};
    REQUIRE(sink.upsert(meta, *object));
  }

  /// `git` has the subscriptions' `git` objects, without braces.
  void warehouse(const kube::ObjectKey& key, const std::vector<std::string>& git) {
    std::string subscriptions;
    for (const std::string& one : git) {
      if (!subscriptions.empty()) subscriptions += ',';
      subscriptions += fmt::format(R"({{"git":{{{}}}}})", one);
    }
    put(warehouses, key, fmt::format(R"({{"spec":{{"subscriptions":[{}]}}}})", subscriptions));
  }

  void promotion(const kube::ObjectKey& key, const std::string& url,
                 const std::string& phase = "Running") {
    put(promotions, key,
        fmt::format(R"({{"spec":{{"steps":[{{"uses":"git-wait-for-pr","as":"wait"}}]}},)"
                    R"("status":{{"phase":"{}","currentStep":0,)"
                    R"("state":{{"wait":{{"pr":{{"url":"{}"}}}}}}}}}})",
                    phase, url));
  }
};

}  // namespace receiver::test
