#include "cmd/receiverctl/peer_certificate.h"

#include <catch2/catch.hpp>

#include "test/support/scripted_server.h"
#include "test/support/test_certificates.h"

namespace receiver::ctl {
namespace {

using namespace std::chrono_literals;
using test::CertificateSpec;
using test::Peer;
using test::ScriptedServer;
using test::ServerIdentity;
using test::TestAuthority;

void hang_up(Peer& /*peer*/) {}

ServerIdentity identity(const TestAuthority& authority, const CertificateSpec& spec = {}) {
  return {
      .identity = authority.issue(spec),
      .client_ca_pem = {},
  };
}

}  // namespace

TEST_CASE("a server's certificate is looked at, and whether a client accepts it") {
  const TestAuthority authority;
  const TestAuthority other("another authority");
  const ScriptedServer server(hang_up, identity(authority));
  const auto look = [&](const std::string& ca_pem) {
    return look_at_certificate("127.0.0.1", server.port(), ca_pem, 10s);
  };
  const auto good = look(authority.pem());
  REQUIRE(good);
  CHECK(good->problem.empty());
  CHECK(good->subject == "CN=localhost");
  CHECK(good->issuer == "CN=test authority");
  CHECK(good->shown == 1);
  const auto left = good->not_after - clock::Wall::now();
  CHECK((left > 23h && left <= 24h));

  const auto untrusted = look(other.pem());
  REQUIRE(untrusted);
  CHECK(untrusted->problem == "unable to get local issuer certificate");
  CHECK(untrusted->subject == "CN=localhost");
  CHECK_FALSE(look("no PEM"));
}

TEST_CASE("a certificate that has expired, or is of another name, is looked at all the same") {
  const TestAuthority authority;
  const ScriptedServer expired(hang_up, identity(authority, {.expires_in = -1h}));
  const auto late = look_at_certificate("127.0.0.1", expired.port(), authority.pem(), 10s);
  REQUIRE(late);
  CHECK(late->problem == "certificate has expired");
  CHECK(late->not_after < clock::Wall::now());

  const ScriptedServer misnamed(hang_up,
                                identity(authority, {.alternative_names = "DNS:example.com"}));
  const auto other = look_at_certificate("127.0.0.1", misnamed.port(), authority.pem(), 10s);
  REQUIRE(other);
  CHECK(other->problem == "IP address mismatch");
}

TEST_CASE("a certificate without an end (9999-12-31) is valid, and not expired in 1816") {
  const auto end_of_9999 = std::chrono::seconds(253'402'300'799);
  const auto left =
      end_of_9999 - std::chrono::floor<std::chrono::seconds>(clock::Wall::now().time_since_epoch());
  const TestAuthority authority("without an end", left);
  const ScriptedServer server(hang_up, identity(authority, {.expires_in = left}));
  const auto seen = look_at_certificate("127.0.0.1", server.port(), authority.pem(), 10s);
  REQUIRE(seen);
  CHECK(seen->problem.empty());
  CHECK(clock::format_seconds(seen->not_after) == "2262-04-11T23:47:15Z");
}

TEST_CASE("a chain ends with whatever in it ends first") {
  const TestAuthority short_lived("short-lived", 12h);
  const ScriptedServer server(hang_up, identity(short_lived));
  const auto seen = look_at_certificate("127.0.0.1", server.port(), short_lived.pem(), 10s);
  REQUIRE(seen);
  const auto left = seen->not_after - clock::Wall::now();
  CHECK((left > 11h && left <= 12h));
}

TEST_CASE("a server is looked at by its IPv6 address, too") {
  const TestAuthority authority;
  const ScriptedServer local(hang_up, identity(authority), "::1");
  const auto seen = look_at_certificate("::1", local.port(), authority.pem(), 10s);
  REQUIRE(seen);
  CHECK(seen->problem.empty());
  // Not the port that an unreadable host would mean.
  const ScriptedServer other(hang_up, identity(authority), "127.0.0.2");
  CHECK(look_at_certificate("::ffff:127.0.0.2", other.port(), authority.pem(), 10s));
}

TEST_CASE("a server without TLS, or none at all, has no certificate to look at") {
  unsigned short port = 0;
  {
    const ScriptedServer plain([](Peer& peer) { peer.answer_all(); });
    port = plain.port();
    CHECK_FALSE(look_at_certificate("127.0.0.1", port, "", 2s));
  }
  CHECK_FALSE(look_at_certificate("127.0.0.1", port, "", 2s));
}

}  // namespace receiver::ctl
