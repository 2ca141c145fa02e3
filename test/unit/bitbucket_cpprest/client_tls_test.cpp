#include <catch2/catch.hpp>

#include "bitbucket_cpprest/client.h"
#include "bitbucket_rest/authorization.h"
#include "test/bitbucket_server/bitbucket_server.h"
#include "test/bitbucket_server/connect_proxy.h"
#include "test/support/test_certificates.h"

namespace receiver::bitbucket_cpprest {
namespace {

using bitbucket::Source;
using bitbucket_rest::ApiRequest;
using bitbucket_rest::authorization;
using bitbucket_rest::list_request;
using test::BitbucketServer;
using test::CertificateSpec;
using test::ConnectProxy;
using test::TestAuthority;

constexpr const char* kHiddenToken = "token-of-the-tests";
constexpr const char* kDns = "bitbucket.test";  // only a proxy resolves it

Client client_with(const std::string& ca_pem, http::ProxySettings proxy = {}) {
  return *Client::create({.authorization = *authorization("", crypto::SecretString(kHiddenToken)),
                          .ca_pem = ca_pem,
                          .proxy = std::move(proxy),
                          .user_agent = "receiverctl/test"});
}

/// The client's error about the server; empty if it accepts the answer.
std::string refusal(const BitbucketServer& server, const std::string& ca_pem,
                    http::ProxySettings proxy = {}) {
  const auto answer = client_with(ca_pem, std::move(proxy))
                          .send(list_request({Source::kCloud, server.url(), "team", "shop"}));
  if (answer) return {};
  CHECK_THAT(answer.error().message, !Catch::Contains(kHiddenToken));
  return answer.error().message;
}

}  // namespace

TEST_CASE("a certificate is verified by its alternative names, as curl does") {
  struct Row {
    const char* why;
    CertificateSpec certificate;
    bool accepted;
  };
  const std::vector<Row> rows{
      {"an alternative name", {.common_name = "other", .alternative_names = "DNS:localhost"}, true},
      {"no alternative name", {.common_name = "localhost", .alternative_names = ""}, true},
      {"alternative names of others beside a common name",
       {.common_name = "localhost", .alternative_names = "DNS:elsewhere.example.com"},
       false},
      {"neither", {.common_name = "other", .alternative_names = "DNS:other"}, false},
      {"an address alone", {.common_name = "other", .alternative_names = "IP:127.0.0.1"}, false},
  };
  for (const Row& row : rows) {
    INFO(row.why);
    const BitbucketServer server(Source::kCloud, row.certificate);
    const std::string refused = refusal(server, server.ca_pem());
    CHECK(refused.empty() == row.accepted);
    CHECK(server.requests().size() == (row.accepted ? 1 : 0));
    if (!row.accepted) CHECK_THAT(refused, Catch::Contains("its certificate is for another name"));
  }
}

TEST_CASE("each fault of a certificate has its own text, and no token is sent") {
  const BitbucketServer good(Source::kCloud);
  CHECK_THAT(refusal(good, ""), Catch::Contains("localhost:") &&
                                    Catch::Contains("from a CA that this machine does not trust") &&
                                    Catch::Contains("--ca-file"));
  CHECK_THAT(refusal(good, TestAuthority("another").pem()),
             Catch::Contains("neither this machine nor --ca-file trusts"));
  const auto of_secret = Client::create({.authorization = crypto::SecretString("Bearer x"),
                                         .user_agent = "receiverctl/test",
                                         .ca_name = "the Secret's key bitbucket.ca"});
  const auto answer = of_secret->send(list_request({Source::kCloud, good.url(), "team", "shop"}));
  REQUIRE_FALSE(answer);
  CHECK_THAT(answer.error().message,
             Catch::EndsWith("give its certificate with the Secret's key bitbucket.ca"));
  CHECK(good.requests().empty());

  const BitbucketServer old(Source::kCloud, {.expires_in = -std::chrono::hours(1)});
  CHECK_THAT(refusal(old, old.ca_pem()),
             Catch::Contains("has expired") && !Catch::Contains("--ca-file"));
  CHECK(old.requests().empty());
}

TEST_CASE("what holds no authority is an error from the beginning") {
  const auto refused = Client::create({.ca_pem = "no certificate"});
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == "contains no readable PEM certificate");
}

TEST_CASE("Bitbucket is asked through the proxy, which resolves its name, unless it is exempt") {
  const BitbucketServer server(
      Source::kCloud, {.common_name = kDns, .alternative_names = "DNS:" + std::string(kDns)}, kDns);
  const std::string target = kDns + (":" + std::to_string(server.port()));
  const ConnectProxy proxy(server.port());
  const http::ProxySettings through{.proxy = *http::parse_proxy("http://" + proxy.address())};
  CHECK(refusal(server, server.ca_pem(), through).empty());
  CHECK(proxy.connects() == std::vector{target});
  CHECK(server.requests().size() == 1);
  // The server's certificate is verified through the proxy, too.
  CHECK_THAT(refusal(server, "", through),
             Catch::Contains(target + " cannot be asked through the proxy " + proxy.address()) &&
                 Catch::Contains("does not trust"));
  CHECK(proxy.connects().size() == 2);

  http::ProxySettings exempt = through;
  exempt.exceptions = ".test";
  CHECK_THAT(refusal(server, server.ca_pem(), exempt), !Catch::Contains("proxy"));
  CHECK(proxy.connects().size() == 2);
  CHECK(server.requests().size() == 1);
}

TEST_CASE("reads share a connection, and a write has one of its own") {
  const BitbucketServer server(
      Source::kCloud, {.common_name = kDns, .alternative_names = "DNS:" + std::string(kDns)}, kDns);
  ConnectProxy proxy(server.port());
  const Client client =
      client_with(server.ca_pem(),
                  {.proxy = *http::parse_proxy("http://" + proxy.address()), .exceptions = {}});
  const ApiRequest read = list_request({Source::kCloud, server.url(), "team", "shop"});
  for (int i = 0; i < 10; ++i) CHECK(client.send(read)->status == 401);
  // cpprestsdk may get a connection back only after the next request has begun.
  const std::size_t of_reads = proxy.connects().size();
  CHECK(of_reads <= 3);
  const ApiRequest write{"POST", read.url.substr(0, read.url.find('?')), "{}"};
  CHECK(client.send(write)->status == 401);
  CHECK(client.send(write)->status == 401);
  CHECK(proxy.connects().size() == of_reads + 2);
  // The kept connection is cut, of which no answer tells.
  proxy.lead(kDns + (":" + std::to_string(server.port())), server.port());
  const auto answer = client.send(read);
  REQUIRE(answer);
  CHECK(answer->status == 401);
  CHECK(server.requests().size() == 13);
}

TEST_CASE("a proxy that wants a password gets it, and Bitbucket does not") {
  const BitbucketServer server(
      Source::kCloud, {.common_name = kDns, .alternative_names = "DNS:" + std::string(kDns)}, kDns);
  const ConnectProxy proxy(server.port(), "Basic bWU6cEBzcw==");
  auto named = *http::parse_proxy("http://me:p%40ss@" + proxy.address());
  CHECK(refusal(server, server.ca_pem(), {.proxy = named, .exceptions = {}}).empty());
  named.password = crypto::SecretString("wrong");
  CHECK_THAT(refusal(server, server.ca_pem(), {.proxy = named, .exceptions = {}}),
             Catch::Contains("407") && !Catch::Contains("wrong"));
  CHECK(server.requests().size() == 1);
}

}  // namespace receiver::bitbucket_cpprest
