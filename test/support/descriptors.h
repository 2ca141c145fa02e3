#pragma once

#include <sys/resource.h>

#include <catch2/catch.hpp>

namespace receiver::test {

/// Raises the limit to its maximum, as the operator's main does.
inline void raise_descriptor_limit() {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

}  // namespace receiver::test
