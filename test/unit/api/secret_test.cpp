#include "api/secret.h"

#include <catch2/catch.hpp>

#include "test/unit/api/objects.h"

namespace receiver::api {
namespace {

tl::expected<Secret, std::string> secret_of(const std::string& json) {
  const auto object = projected(json, secret_projection());
  return decode_secret(meta("demo", "s"), object);
}

}  // namespace

TEST_CASE("a Secret's two keys are decoded, and its other keys are never kept") {
  const auto secret = secret_of(
      R"({"metadata": {"labels": {"kargo.akuity.io/cred-type": "generic"}},
          "data": {"secret": "cGxhaW4=", "secret.previous": "", "password": "eA=="}})");
  REQUIRE(secret.has_value());
  REQUIRE(secret->value.has_value());
  CHECK(secret->value->view() == "plain");
  REQUIRE(secret->previous.has_value());
  CHECK(secret->previous->empty());
  CHECK(secret->labelled);
}

TEST_CASE("an absent key is not an empty one") {
  const auto secret =
      secret_of(R"({"metadata": {"labels": {"kargo.akuity.io/cred-type": "git"}}})");
  REQUIRE(secret.has_value());
  CHECK_FALSE(secret->value.has_value());
  CHECK_FALSE(secret->previous.has_value());
  CHECK_FALSE(secret->labelled);
}

TEST_CASE("a value that is not base64 is an error that does not repeat it") {
  const auto secret = secret_of(R"({"data": {"secret": "%%hidden%%"}})");
  REQUIRE_FALSE(secret.has_value());
  CHECK(secret.error().find("data.secret") != std::string::npos);
  CHECK(secret.error().find("hidden") == std::string::npos);
}

}  // namespace receiver::api
