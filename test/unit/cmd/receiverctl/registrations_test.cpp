#include "cmd/receiverctl/registrations.h"

#include <catch2/catch.hpp>

namespace receiver::ctl {
namespace {

/// Of a Secret with a token and these keys.
std::vector<std::string> why_not(const api::BitbucketKeys& keys) {
  api::Secret secret;
  secret.bitbucket = std::make_shared<const api::BitbucketKeys>(keys);
  return why_not_registered(secret, "s", *controllers::BitbucketHosts::parse("git.example.com"));
}

api::BitbucketKeys keys(const std::string& registers) {
  api::BitbucketKeys made;
  made.token = crypto::SecretString("a-token");
  made.registers = crypto::SecretString(std::string(registers));
  return made;
}

}  // namespace

TEST_CASE("a receiver that asks for no webhooks, or whose keys are right, has nothing to tell") {
  CHECK(why_not_registered({}, "s", *controllers::BitbucketHosts::parse("")).empty());
  CHECK(why_not(keys("")).empty());
  CHECK(why_not(keys("false\n")).empty());
  CHECK(why_not(keys("true")).empty());
  api::BitbucketKeys elsewhere = keys("");
  elsewhere.url = crypto::SecretString("https://elsewhere.example.com");
  CHECK(why_not(elsewhere).empty());
}

TEST_CASE("rejected keys, and hosts that are not allowed, are reported with the remedy") {
  using Catch::Contains;
  api::BitbucketKeys elsewhere = keys("true");
  elsewhere.url = crypto::SecretString("https://elsewhere.example.com");
  REQUIRE(why_not(elsewhere).size() == 1);
  CHECK_THAT(why_not(elsewhere)[0], Contains("elsewhere.example.com") &&
                                        Contains("ask the operator's administrator to add it"));

  REQUIRE(why_not(keys("yes")).size() == 1);
  CHECK_THAT(why_not(keys("yes"))[0],
             Contains("\"bitbucket.register\" is neither true nor false; store one"));

  api::BitbucketKeys broken = keys("true");
  broken.token = crypto::SecretString("two words");
  REQUIRE(why_not(broken).size() == 1);
  CHECK_THAT(why_not(broken)[0], Contains("\"bitbucket.token\"") && !Contains("two words"));

  api::BitbucketKeys vague = keys("true");
  vague.allow = crypto::SecretString("a, b");
  REQUIRE(why_not(vague).size() == 1);
  CHECK_THAT(why_not(vague)[0], Contains("bitbucket.allow, line 1"));

  api::BitbucketKeys cut = keys("");
  cut.register_problem = "the value of key \"bitbucket.allow\" is too long";
  CHECK(why_not(cut).size() == 1);
}

}  // namespace receiver::ctl
