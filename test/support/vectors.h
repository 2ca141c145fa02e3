#pragma once

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <catch2/catch.hpp>
#include <rapidjson/document.h>

namespace receiver::test {

/// A file of recorded vectors: from the folder VECTORS_DIR if set, else our copy. Fails the test if
/// it is missing or empty.
inline rapidjson::Document load_vectors(const std::string& name) {
  const char* directory = std::getenv("VECTORS_DIR");
  const std::string path =
      (directory != nullptr ? std::string(directory) : std::string(TESTDATA_DIR "/vectors")) + "/" +
      name;
  std::ifstream file(path);
  INFO(path);
  REQUIRE(file.good());
  std::stringstream text;
  text << file.rdbuf();
  rapidjson::Document document;
  document.Parse(text.str());
  REQUIRE_FALSE(document.HasParseError());
  REQUIRE(document.IsArray());
  REQUIRE(document.Size() > 0);
  return document;
}

inline std::string text_of(const rapidjson::Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

}  // namespace receiver::test
