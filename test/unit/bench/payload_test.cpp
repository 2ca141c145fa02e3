#include "test/bench/payload.h"

#include <string>

#include <catch2/catch.hpp>

namespace receiver::bench {

TEST_CASE("what the load generator sends is as large as Bitbucket's pushes are") {
  const std::string push = long_cloud_push("acme/project-31", "main");
  CHECK(push.size() >= 6'000);
  CHECK(push.size() <= 8'000);
  const std::string hash(40, 'a');
  const std::string center_push =
      long_data_center_push("https://git.example.com/scm/acme/load.git", hash, hash);
  CHECK(center_push.size() >= 2'500);
  CHECK(center_push.size() <= 4'000);
}

}  // namespace receiver::bench
