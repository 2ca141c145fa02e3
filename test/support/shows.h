#pragma once

#include <string>

#include <catch2/catch.hpp>

namespace receiver::test {

/// Of /metrics: a sample on a line of its own.
inline auto shows(const std::string& sample) {
  return Catch::Matchers::Contains("\n" + sample + "\n");
}

}  // namespace receiver::test
