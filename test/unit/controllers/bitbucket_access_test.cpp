#include "controllers/bitbucket_access.h"

#include <catch2/catch.hpp>

#include "test/support/test_certificates.h"

namespace receiver::controllers {
namespace {

using bitbucket::Source;
using crypto::SecretString;

constexpr const char* kToken = "ATCTT3xFfGN0-hidden";

SecretString secret(std::string value) {
  return SecretString(std::move(value));
}

api::BitbucketKeys keys_with(std::string url = {}) {
  api::BitbucketKeys keys;
  keys.token = secret(kToken);
  keys.url = secret(std::move(url));
  keys.uid = "u1";
  keys.resource_version = "7";
  return keys;
}

const BitbucketHosts kHosts = *BitbucketHosts::parse("git.example.com git.example.com:8443");

}  // namespace

TEST_CASE("hosts that may be asked are names, each perhaps with a port") {
  struct Case {
    std::string given, host;
    bool allowed;
  };
  for (const Case& c : std::vector<Case>{
           {"", "git.example.com", false},
           {"", "api.bitbucket.org", true},
           {"", "api.bitbucket.org:443", true},
           {"", "api.bitbucket.org:8443", false},
           {"", "bitbucket.org", false},
           {"git.example.com", "git.example.com", true},
           {"git.example.com", "GIT.example.com:443", true},
           {"git.example.com", "git.example.com:8443", false},
           {"git.example.com", "evil.git.example.com", false},
           {"git.example.com", "example.com", false},
           {" Git.Example.com:443,\n b:1 ,", "git.example.com", true},
           {"a, b:1", "b:1", true},
           {"a, b:1", "b", false},
           {"[fd00::1]:8443", "[fd00::1]:8443", true},
       }) {
    CAPTURE(c.given, c.host);
    const auto hosts = BitbucketHosts::parse(c.given);
    REQUIRE(hosts);
    CHECK(hosts->allow(c.host) == c.allowed);
  }
  for (const char* wrong : {"https://git.example.com", "git.example.com/context", "a b@c", "*",
                            "a:b", "a:", ":443", "a?b", "a#b"}) {
    CAPTURE(wrong);
    CHECK_FALSE(BitbucketHosts::parse(wrong));
  }
}

TEST_CASE("a token alone is for Bitbucket Cloud") {
  for (const char* url : {"", "https://bitbucket.org", "https://api.bitbucket.org/2.0"}) {
    CAPTURE(url);
    const auto [access, refusals] = check_access(keys_with(url), &kHosts, "s");
    CHECK(refusals.empty());
    REQUIRE(access);
    CHECK(access->product == Source::kCloud);
    CHECK(access->server == "https://api.bitbucket.org");
    CHECK(access->authorization.view() == std::string("Bearer ") + kToken);
    CHECK(access->changed_files);
    CHECK(access->secret_uid == "u1");
    CHECK(access->secret_version == "7");
  }
}

TEST_CASE("with a user the token is sent as a password") {
  api::BitbucketKeys keys = keys_with();
  keys.username = secret("me@example.com");
  CHECK(check_access(keys, &kHosts, "s").access->authorization.view() ==
        "Basic " + crypto::base64_encode(std::string("me@example.com:") + kToken));
}

TEST_CASE("with a URL the token is for that Data Center, which the setting must list") {
  struct Case {
    std::string url, server;
  };
  for (const Case& c : std::vector<Case>{
           {"https://git.example.com", "https://git.example.com"},
           {"https://Git.Example.com:443/", "https://git.example.com"},
           {"https://git.example.com:8443/bitbucket/", "https://git.example.com:8443/bitbucket"},
       }) {
    CAPTURE(c.url);
    const auto [access, refusals] = check_access(keys_with(c.url), &kHosts, "s");
    CHECK(refusals.empty());
    REQUIRE(access);
    CHECK(access->product == Source::kDataCenter);
    CHECK(access->server == c.server);
  }
  for (const char* url : {"https://evil.example.com", "https://git.example.com:9443/x",
                          "https://169.254.169.254/latest"}) {
    CAPTURE(url);
    const auto [access, refusals] = check_access(keys_with(url), &kHosts, "s");
    CHECK_FALSE(access);
    REQUIRE(refusals.size() == 1);
    CHECK(refusals[0].reason == "BitbucketHostNotAllowed");
    CHECK_THAT(refusals[0].message, Catch::Contains("BITBUCKET_HOSTS"));
  }
  CHECK_THAT(
      check_access(keys_with("https://evil.example.com/x"), &kHosts, "s").refusals[0].message,
      Catch::StartsWith("Secret s: key \"bitbucket.url\" names the host evil.example.com, "));
}

TEST_CASE("an address instead of a name is told, since no repository would be found there") {
  const auto hosts = BitbucketHosts::parse("10.1.2.3, [fd00::1]:8443");
  for (const char* url : {"https://10.1.2.3/bitbucket", "https://[fd00::1]:8443"}) {
    CAPTURE(url);
    const auto [access, refusals] = check_access(keys_with(url), &*hosts, "s");
    CHECK_FALSE(access);
    REQUIRE(refusals.size() == 1);
    CHECK(refusals[0].reason == "SecretInvalid");
    CHECK_THAT(refusals[0].message, Catch::Contains("names an IP address"));
  }
}

TEST_CASE("whoever knows no hosts asks nothing, and finds nothing wrong with them") {
  const auto [access, refusals] = check_access(keys_with("https://evil.example.com"), nullptr, "s");
  CHECK_FALSE(access);
  CHECK(refusals.empty());
  CHECK_FALSE(check_access(keys_with(), nullptr, "s").access);
}

TEST_CASE("a key that cannot be what it should be is told, and nothing is sent") {
  struct Case {
    std::string what;
    SecretString api::BitbucketKeys::*key;
    std::string value, words;
  };
  using Keys = api::BitbucketKeys;
  const std::string certificate = test::TestAuthority().pem();
  for (const Case& c : std::vector<Case>{
           {"newline", &Keys::token, "hidden\n", "bitbucket.token"},
           {"blank", &Keys::token, "hidden hidden", "bitbucket.token"},
           {"header", &Keys::token, "hidden\r\nX-Evil: 1", "bitbucket.token"},
           {"colon", &Keys::username, "hidden:hidden", "bitbucket.username"},
           {"line break", &Keys::username, "hidden\n", "bitbucket.username"},
           {"http", &Keys::url, "http://git.example.com", "not an https URL"},
           {"no scheme", &Keys::url, "git.example.com", "not an https URL"},
           {"user", &Keys::url, "https://hidden@git.example.com", "not an https URL"},
           {"query", &Keys::url, "https://git.example.com/?hidden", "not an https URL"},
           {"fragment", &Keys::url, "https://git.example.com/#", "not an https URL"},
           {"newline", &Keys::url, "https://git.example.com\n", "not an https URL"},
           {"escape", &Keys::url, "https://git.example.com/%0d%0a", "not an https URL"},
           {"long", &Keys::url, "https://" + std::string(260, 'a'), "not an https URL"},
           {"text", &Keys::ca, "hidden", "not a PEM certificate"},
           {"damaged", &Keys::ca, certificate.substr(0, 100), "not a PEM certificate"},
           {"word", &Keys::changed_files, "nope", "neither true nor false"},
       }) {
    CAPTURE(c.what, c.words);
    Keys keys = keys_with();
    keys.*c.key = secret(std::string(c.value));
    const auto [access, refusals] = check_access(keys, &kHosts, "s");
    CHECK_FALSE(access);
    REQUIRE(refusals.size() == 1);
    CHECK(refusals[0].reason == "SecretInvalid");
    CHECK_THAT(refusals[0].message, Catch::StartsWith("Secret s: ") && Catch::Contains(c.words) &&
                                        !Catch::Contains("hidden"));
  }
  Keys keys = keys_with();
  keys.ca = secret(std::string(certificate));
  CHECK(check_access(keys, &kHosts, "s").access->ca.view() == certificate);
  keys.problem = "the value of key \"bitbucket.ca\" is longer than 262144 bytes";
  CHECK_THAT(check_access(keys, &kHosts, "s").refusals.at(0).message,
             Catch::Contains(keys.problem));
}

TEST_CASE("changed files may be turned off") {
  for (const auto& [text, on] : std::vector<std::pair<std::string, bool>>{
           {"", true}, {"true", true}, {"True\n", true}, {"false", false}, {" FALSE\n", false}}) {
    CAPTURE(text);
    api::BitbucketKeys keys = keys_with();
    keys.changed_files = secret(std::string(text));
    const auto [access, refusals] = check_access(keys, &kHosts, "s");
    REQUIRE(access);
    CHECK(access->changed_files == on);
  }
}

TEST_CASE("webhooks are registered on demand only, and within bounds where there are any") {
  api::BitbucketKeys keys = keys_with();
  CHECK_FALSE(check_access(keys, &kHosts, "s").access->registers);
  CHECK_FALSE(check_access(keys, &kHosts, "s").access->allow);
  keys.registers = secret("True\n");
  keys.allow = secret("acme\n");
  const auto access = check_access(keys, &kHosts, "s").access;
  CHECK(access->registers);
  CHECK(access->allow->allows(*access->repository("https://bitbucket.org/acme/shop")));
  CHECK_FALSE(access->allow->allows(*access->repository("https://bitbucket.org/loot/shop")));
}

TEST_CASE("what is wrong with the keys of registering does not stop the asking") {
  struct Row {
    std::string registers, allow, problem, words;
  };
  for (const Row& row : std::vector<Row>{
           {"nope", "acme", "", "neither true nor false"},
           {"true", "two words", "", "bitbucket.allow, line 1"},
           {"true", "", "the value of key \"bitbucket.allow\" is longer", "is longer"},
       }) {
    INFO(row.words);
    api::BitbucketKeys keys = keys_with();
    keys.registers = secret(std::string(row.registers));
    keys.allow = secret(std::string(row.allow));
    keys.register_problem = row.problem;
    const auto [access, refusals] = check_access(keys, &kHosts, "s");
    REQUIRE(access);
    CHECK(access->changed_files);
    CHECK_FALSE(access->registers);
    REQUIRE(refusals.size() == 1);
    CHECK(refusals[0].reason == "SecretInvalid");
    CHECK_THAT(refusals[0].message, Catch::Contains(row.words) &&
                                        Catch::EndsWith("Until then no webhook is registered"));
    CHECK(refusals[0].stops_registration);
  }
}

TEST_CASE("what stops a registration that is asked for is told as such") {
  struct Row {
    const char* what;
    std::string registers, url, allow;
    bool stops;
  };
  for (const Row& row : std::vector<Row>{
           {"a host that is not allowed", "true", "https://evil.example.com", "", true},
           {"where none is asked for", "", "https://evil.example.com", "", false},
           {"or it is switched off", "false", "https://evil.example.com", "two words", false},
           {"a value that is none", "ja", "", "", true},
       }) {
    INFO(row.what);
    api::BitbucketKeys keys = keys_with(row.url);
    keys.registers = secret(std::string(row.registers));
    if (!row.allow.empty()) keys.allow = secret(std::string(row.allow));
    const auto refusals = check_access(keys, &kHosts, "s").refusals;
    REQUIRE_FALSE(refusals.empty());
    for (const BitbucketRefusal& refusal : refusals) {
      CHECK(refusal.stops_registration == row.stops);
      if (row.stops) CHECK_THAT(refusal.message, Catch::EndsWith("no webhook is registered"));
    }
  }
}

TEST_CASE("a digest is of the server and what it is shown, and holds none of it") {
  const auto digest = [](const std::string& token, const std::string& url = {},
                         const std::string& version = "7") {
    api::BitbucketKeys keys = keys_with(url);
    keys.token = secret(std::string(token));
    keys.resource_version = version;
    return check_access(keys, &kHosts, "s").access->digest();
  };
  const std::string plain = digest(kToken);
  CHECK(plain == digest(kToken, "", "8"));
  CHECK(plain != digest("another"));
  CHECK(plain != digest(kToken, "https://git.example.com"));
  CHECK(digest(kToken, "https://git.example.com/a") != digest(kToken, "https://git.example.com/b"));
  CHECK_THAT(plain, !Catch::Contains(kToken));
}

TEST_CASE("a repository is asked about on the Bitbucket of the token only") {
  const auto cloud = check_access(keys_with(), &kHosts, "s").access;
  REQUIRE(cloud->repository("git@bitbucket.org:acme/shop.git"));
  CHECK(cloud->repository("https://bitbucket.org/acme/shop")->name() == "acme/shop");
  CHECK_FALSE(cloud->repository("https://git.example.com/scm/ac/shop.git"));
  CHECK_FALSE(cloud->repository("https://github.com/acme/shop"));
  const auto center =
      check_access(keys_with("https://git.example.com:8443/bitbucket"), &kHosts, "s").access;
  const auto repository = center->repository("ssh://git@git.example.com:7999/ac/shop.git");
  REQUIRE(repository);
  CHECK(repository->server == "https://git.example.com:8443/bitbucket");
  CHECK(repository->name() == "AC/shop");
  CHECK_FALSE(center->repository("https://evil.example.com/scm/ac/shop.git"));
  CHECK_FALSE(center->repository("https://bitbucket.org/acme/shop"));
}

}  // namespace receiver::controllers
