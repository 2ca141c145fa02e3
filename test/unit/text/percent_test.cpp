#include "text/percent.h"

#include <string>

#include <catch2/catch.hpp>

namespace receiver::text {

TEST_CASE("everything but unreserved characters is encoded") {
  CHECK(percent_encode("aZ09-._~") == "aZ09-._~");
  CHECK(percent_encode(" &=%\xc3\xa4") == "%20%26%3D%25%C3%A4");
  CHECK(percent_encode("").empty());
  CHECK(percent_encode("a/b c", [](char c) { return c != ' '; }) == "a/b%20c");
}

TEST_CASE("what is encoded is decoded to the same, and a damaged encoding to nothing") {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  CHECK(percent_decode(percent_encode(all)) == all);
  CHECK(percent_decode("a+%2b%2B") == "a+++");
  CHECK(percent_decode("%%41") == std::nullopt);
  for (const char* damaged : {"%", "%4", "a%", "%4g", "%g4", "%-1", "% 1", "%+1"}) {
    INFO(damaged);
    CHECK(percent_decode(damaged) == std::nullopt);
  }
}

}  // namespace receiver::text
