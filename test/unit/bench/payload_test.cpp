#include "test/bench/payload.h"

#include <string>

#include <catch2/catch.hpp>

namespace receiver::bench {

TEST_CASE("what the load generator sends is as large as Bitbucket's pushes are") {
  const std::string push = long_cloud_push("acme/project-31", "main");
  CHECK(push.size() >= 6'000);
  CHECK(push.size() <= 8'000);
}

}  // namespace receiver::bench
