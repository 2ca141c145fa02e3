#pragma once

#include <string>

#include <catch2/catch.hpp>

#include "json/json.h"

namespace receiver::api {

/// The object as a reflector passes it to decode: only what the projection names.
inline json::Document projected(const std::string& json, const json::Projection& projection) {
  auto document = json::parse(json, projection);
  REQUIRE(document.has_value());
  return std::move(*document);
}

inline kube::ObjectMeta meta(std::string ns, std::string name) {
  kube::ObjectMeta meta;
  meta.key = {std::move(ns), std::move(name)};
  meta.generation = 3;
  return meta;
}

}  // namespace receiver::api
