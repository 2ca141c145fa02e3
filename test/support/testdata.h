#pragma once

#include <fstream>
#include <sstream>
#include <string>

#include <catch2/catch.hpp>

namespace receiver::test {

/// A delivery's body: a file below test/testdata/bitbucket, or the test fails.
inline std::string read_body(const std::string& name) {
  const std::string path = std::string(TESTDATA_DIR) + "/bitbucket/" + name;
  INFO(path);
  const std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  std::ostringstream text;
  text << file.rdbuf();
  REQUIRE_FALSE(text.str().empty());
  return text.str();
}

}  // namespace receiver::test
