#include "webhook/content_encoding.h"

#include <string>

#include <catch2/catch.hpp>

#include "test/support/gzip.h"

namespace receiver::webhook {

using test::gzipped;

TEST_CASE("gzip is recognised by name, in any letter case") {
  CHECK(is_gzip("gzip"));
  CHECK(is_gzip("GZip"));
  CHECK(is_gzip("x-gzip"));
  for (const std::string_view other : {"", "identity", "deflate", "br", "gzip2", "gzi"}) {
    INFO(other);
    CHECK_FALSE(is_gzip(other));
  }
}

TEST_CASE("what was compressed comes out as it went in") {
  std::string large;
  for (int i = 0; i < 20'000; ++i) large += std::to_string(i * 7919) + ",";
  for (const std::string& text : {std::string(), std::string(R"({"a":1})"), large}) {
    const auto inflated = inflate_gzip(gzipped(text), 1 << 20);
    REQUIRE(inflated);
    CHECK(*inflated == text);
  }
}

TEST_CASE("a stream of several members is their concatenation") {
  const auto inflated = inflate_gzip(gzipped("one ") + gzipped("") + gzipped("two"), 100);
  REQUIRE(inflated);
  CHECK(*inflated == "one two");
}

TEST_CASE("the bound counts what comes out, to the byte") {
  const std::string text(50'000, 'x');
  CHECK(inflate_gzip(gzipped(text), text.size()));
  CHECK(inflate_gzip(gzipped(text), text.size() - 1).error() == InflateError::kTooLarge);
  CHECK(inflate_gzip(gzipped("x") + gzipped("y"), 1).error() == InflateError::kTooLarge);
  CHECK(inflate_gzip(gzipped("x"), 0).error() == InflateError::kTooLarge);
  CHECK(inflate_gzip(gzipped(""), 0));
}

TEST_CASE("what is no whole gzip stream is malformed") {
  const std::string whole = gzipped(R"({"push":{"changes":[]}})");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    INFO("cut to " << length);
    CHECK(inflate_gzip(whole.substr(0, length), 1000).error() == InflateError::kMalformed);
  }
  std::string damaged = whole;
  damaged[whole.size() - 6] ^= 1;  // the check sum
  CHECK(inflate_gzip(damaged, 1000).error() == InflateError::kMalformed);
  CHECK(inflate_gzip(whole + "{}", 1000).error() == InflateError::kMalformed);
  CHECK(inflate_gzip(R"({"push":{}})", 1000).error() == InflateError::kMalformed);
}

}  // namespace receiver::webhook
