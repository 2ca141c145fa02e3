#include "http/message.h"

#include <catch2/catch.hpp>

namespace receiver::http {

TEST_CASE("header fields are found without regard to case, the first of a name wins") {
  const Headers headers{{"Content-Type", "a"}, {"X-Id", "1"}, {"x-ID", "2"}, {"Empty", ""}};
  CHECK(headers.find("content-type") == "a");
  CHECK(headers.find("CONTENT-TYPE") == "a");
  CHECK(headers.find("X-ID") == "1");
  CHECK(headers.find("empty") == "");
}

TEST_CASE("names that only resemble a header field's are not found") {
  const Headers headers{{"Content-Type", "a"}, {"X@Id", "1"}};
  CHECK_FALSE(headers.find("Content"));
  CHECK_FALSE(headers.find("Content-Type2"));
  CHECK_FALSE(headers.find(""));
  CHECK_FALSE(headers.find("x`id"));  // '@' and '`' differ by the bit that tells case in letters
}

TEST_CASE("the path is the target without its query") {
  RequestHead head;
  head.target = "/hooks/x?y=/z?";
  CHECK(head.path() == "/hooks/x");
  head.target = "/hooks/x";
  CHECK(head.path() == "/hooks/x");
}

}  // namespace receiver::http
