#include "bitbucket_rest/authorization.h"

#include <catch2/catch.hpp>

namespace receiver::bitbucket_rest {
namespace {

std::string header(const std::string& user, const std::string& token) {
  const auto value = authorization(user, crypto::SecretString(std::string(token)));
  REQUIRE(value);
  return std::string(value->view());
}

ApiAnswer hidden(ApiAnswer answer, const std::string& authorization) {
  hide_token(answer, crypto::SecretString(std::string(authorization)));
  return answer;
}

}  // namespace

TEST_CASE("a token is shown as Bearer, and with a user as Basic") {
  CHECK(header("", "token-of-the-tests") == "Bearer token-of-the-tests");
  CHECK(header("", "token-of-the-tests\r\n") == "Bearer token-of-the-tests");
  CHECK(header("me@example.com", "token\n") == "Basic bWVAZXhhbXBsZS5jb206dG9rZW4=");
}

TEST_CASE("a token that a server repeats is hidden, in either form") {
  const std::string bearer = "Bearer token-of-the-tests";
  CHECK(
      hidden({400, "a token-of-the-tests, token-of-the-tests", "", "x?token-of-the-tests"}, bearer)
          .body == "a ******************, ******************");
  CHECK(
      hidden({400, "", "token-of-the-tests", "https://x/token-of-the-tests/y"}, bearer).location ==
      "https://x/******************/y");
  CHECK(hidden({400, "", "token-of-the-tests", ""}, bearer).retry_after == "******************");
  const std::string basic = header("me@example.com", "token-of-the-tests");
  const std::string body = hidden({200, "[" + basic + "] token-of-the-tests.", "", ""}, basic).body;
  CHECK(body.starts_with("[Basic ****"));
  CHECK(body.ends_with("*] ******************."));
}

TEST_CASE("a token with slashes is hidden in JSON that escapes them, too") {
  const std::string body = R"({"a":"x\/y\/z+123=","b":"x/y/z+123="})";
  CHECK(hidden({400, body, "", ""}, "Bearer x/y/z+123=").body ==
        R"({"a":"************","b":"**********"})");
}

TEST_CASE("a token that is shorter than any is, or none, leaves answers as they are") {
  for (const std::string value :
       {"", "Bearer", "Bearer ", "Bearer a", "Bearer 1234567", "Basic ", "Basic !", "Basic YTpi"}) {
    INFO(value);
    CHECK(hidden({200, "a 1234567 Bearer", "", ""}, value).body == "a 1234567 Bearer");
  }
}

}  // namespace receiver::bitbucket_rest
