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

TEST_CASE("the keys of Bitbucket come with a token, and with the Secret's identity") {
  const auto secret = secret_of(
      R"({"metadata": {"uid": "u1", "resourceVersion": "7"},
          "data": {"bitbucket.token": "dG9rZW4=", "bitbucket.username": "bWU=",
                   "bitbucket.url": "dXJs", "bitbucket.ca": "Y2E=",
                   "bitbucket.changed-files": "ZmFsc2U=", "bitbucket.register": "dHJ1ZQ==",
                   "bitbucket.allow": "YQ==", "bitbucket.more": "eA=="}})");
  REQUIRE(secret.has_value());
  REQUIRE(secret->bitbucket);
  const BitbucketKeys& keys = *secret->bitbucket;
  CHECK(keys.token.view() == "token");
  CHECK(keys.username.view() == "me");
  CHECK(keys.url.view() == "url");
  CHECK(keys.ca.view() == "ca");
  CHECK(keys.changed_files.view() == "false");
  CHECK(keys.registers.view() == "true");
  CHECK(keys.allow->view() == "a");
  CHECK(keys.problem.empty());
  CHECK(keys.uid == "u1");
  CHECK(keys.resource_version == "7");
}

TEST_CASE("an empty bitbucket.allow is not an absent one") {
  const auto allow_of = [](const std::string& more) {
    return secret_of(R"({"data": {"bitbucket.token": "dG9rZW4=")" + more + "}}")->bitbucket->allow;
  };
  CHECK_FALSE(allow_of(""));
  CHECK(allow_of(R"(, "bitbucket.allow": "")")->empty());
}

TEST_CASE("without a token nothing of Bitbucket is kept") {
  const std::string others = R"("bitbucket.url": "dXJs", "bitbucket.ca": "Y2E=")";
  for (const std::string& token : {std::string(), std::string(R"("bitbucket.token": "", )"),
                                   std::string(R"("bitbucket.token": 1, )")}) {
    const auto secret = secret_of(R"({"data": {)" + token + others + "}}");
    REQUIRE(secret.has_value());
    CHECK_FALSE(secret->bitbucket);
  }
}

TEST_CASE("what is wrong with a key of Bitbucket leaves the secret usable, and is no value") {
  struct Case {
    std::string key, value, problem;
  };
  const std::string too_long(kMaxBitbucketValueBytes + 1, 'x');
  for (const Case& c : std::vector<Case>{
           {"bitbucket.token", "%%hidden%%", "data.bitbucket.token is not base64"},
           {"bitbucket.ca", "%%hidden%%", "data.bitbucket.ca is not base64"},
           {"bitbucket.url", crypto::base64_encode(too_long),
            "the value of key \"bitbucket.url\" is longer than 4096 bytes"},
           {"bitbucket.ca", crypto::base64_encode(std::string(kMaxBitbucketCaBytes + 1, 'x')),
            "the value of key \"bitbucket.ca\" is longer than 262144 bytes"},
       }) {
    CAPTURE(c.key, c.problem);
    const std::string token =
        c.key == "bitbucket.token" ? "" : R"(, "bitbucket.token": "dG9rZW4=")";
    const auto secret = secret_of(R"({"data": {"secret": "cGxhaW4=", ")" + c.key + R"(": ")" +
                                  c.value + "\"" + token + "}}");
    REQUIRE(secret.has_value());
    CHECK(secret->value->view() == "plain");
    REQUIRE(secret->bitbucket);
    CHECK(secret->bitbucket->problem == c.problem);
    CHECK(secret->bitbucket->url.empty());
    CHECK(secret->bitbucket->ca.empty());
  }
}

TEST_CASE("what is wrong with the keys of registering is kept apart") {
  const std::string too_long = crypto::base64_encode(std::string(kMaxBitbucketAllowBytes + 1, 'x'));
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"bitbucket.register", "%%hidden%%"}, {"bitbucket.allow", too_long}}) {
    const auto secret = secret_of(R"({"data": {"bitbucket.token": "dG9rZW4=", ")" + key +
                                  R"(": ")" + value + "\"}}");
    REQUIRE((secret && secret->bitbucket));
    CHECK(secret->bitbucket->problem.empty());
    CHECK_THAT(secret->bitbucket->register_problem, Catch::Contains(key));
  }
}

TEST_CASE("Secrets are equal by what they say, and with a token by their version") {
  const auto of = [](const std::string& version, const std::string& token) {
    return *secret_of(R"({"metadata": {"resourceVersion": ")" + version +
                      R"("}, "data": {"secret": "cGxhaW4=", "bitbucket.token": ")" + token +
                      "\"}}");
  };
  CHECK(of("1", "") == of("2", ""));
  CHECK(of("1", "dG9rZW4=") == of("1", "dG9rZW4="));
  CHECK_FALSE(of("1", "dG9rZW4=") == of("2", "dG9rZW4="));
  CHECK_FALSE(of("1", "dG9rZW4=") == of("1", "dG8="));
  CHECK_FALSE(of("1", "dG9rZW4=") == of("1", ""));
}

}  // namespace receiver::api
