#include <cstdlib>
#include <future>
#include <vector>

#include <catch2/catch.hpp>

#include "http/client.h"
#include "test/support/temporary_file.h"
#include "test/unit/http/client_fixture.h"

namespace receiver::http {
namespace {

void answer_all(Peer& peer) {
  peer.answer_all();
}

std::string common_name_of_client(const Peer& peer) {
  const crypto::X509Ptr certificate(SSL_get1_peer_certificate(peer.tls()));
  char name[64] = "";
  if (certificate) {
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name,
                              sizeof name);
  }
  return name;
}

}  // namespace

TEST_CASE("over TLS requests share one connection, and long bodies travel whole") {
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  const TestAuthority authority;
  ScriptedServer server(
      [](Peer& peer) {
        while (const auto request = peer.request()) {
          peer.answer(request->substr(request->find("\r\n\r\n") + 4));
        }
      },
      ServerIdentity{
          .identity = authority.issue(), .client_ca_pem = {}, .highest_version = version});
  ClientFixture test(ClientFixture::tls(server, authority.pem()));
  for (const std::size_t size : {0U, 1U, 100U, 16'384U, 3'000'000U, 5U}) {
    const std::string body(size, 'x');
    const auto answer = test.send(make_request("PATCH", "/", {}, body));
    REQUIRE(outcome(answer) == "ok");
    CHECK(answer->body == body);
  }
  CHECK(server.accepted() == 1);
}

TEST_CASE("the certificate must be valid for the server's name or address") {
  struct Case {
    std::string address, names, server_name, expected;
  };
  const Case test_case = GENERATE(values<Case>({
      {"127.0.0.1", "IP:127.0.0.1", "", "ok"},
      {"127.0.0.1", "IP:127.0.0.2", "", "tls"},
      {"127.0.0.1", "DNS:localhost", "", "tls"},
      {"127.0.0.1", "DNS:127.0.0.1", "", "tls"},
      {"127.0.0.1", "", "", "tls"},
      {"::1", "IP:::1", "", "ok"},
      {"::1", "IP:::2", "", "tls"},
      {"127.0.0.1", "DNS:api.example", "api.example", "ok"},
      {"127.0.0.1", "DNS:api.example", "api.example.", "ok"},
      {"127.0.0.1", "DNS:*.svc.example", "api.svc.example", "ok"},
      {"127.0.0.1", "DNS:*.svc.example", "a.b.svc.example", "tls"},
      {"127.0.0.1", "DNS:a*.svc.example", "api.svc.example", "tls"},
      {"127.0.0.1", "DNS:other.example", "api.example", "tls"},
      {"127.0.0.1", "IP:127.0.0.1", "api.example", "tls"},
      {"127.0.0.1", "", "common.example", "tls"},  // the common name does not count
      {"127.0.0.1", "IP:10.0.0.1", "10.0.0.1", "ok"},
  }));
  CAPTURE(test_case.address, test_case.names, test_case.server_name);
  const TestAuthority authority;
  const auto identity =
      authority.issue({.common_name = "common.example", .alternative_names = test_case.names});
  ScriptedServer server(answer_all, ServerIdentity{.identity = identity, .client_ca_pem = {}},
                        test_case.address);
  auto options = ClientFixture::tls(server, authority.pem());
  options.tls.server_name = test_case.server_name;
  ClientFixture test(options);
  const auto result = test.get();
  CHECK(outcome(result) == test_case.expected);
  if (!result) CHECK(result.error().message.find("mismatch") != std::string::npos);
}

TEST_CASE("the server's name is sent where it is a name, and never an address") {
  const std::string name = GENERATE("", "api.example");
  const TestAuthority authority;
  std::promise<std::string> seen;
  ScriptedServer server(
      [&](Peer& peer) {
        const char* sent = SSL_get_servername(peer.tls(), TLSEXT_NAMETYPE_host_name);
        seen.set_value(sent == nullptr ? "" : sent);
        peer.answer_all();
      },
      ServerIdentity{
          .identity = authority.issue({.alternative_names = "IP:127.0.0.1,DNS:api.example"}),
          .client_ca_pem = {}});
  auto options = ClientFixture::tls(server, authority.pem());
  options.tls.server_name = name;
  ClientFixture test(options);
  CHECK(outcome(test.get()) == "ok");
  CHECK(seen.get_future().get() == name);
}

TEST_CASE(
    "certificates of unknown authorities, and expired ones, are refused unless told not to look") {
  const TestAuthority authority;
  const TestAuthority other("other authority");
  const bool expired = GENERATE(false, true);
  const auto identity = expired ? authority.issue({.expires_in = -1min}) : other.issue();
  ScriptedServer server(answer_all, ServerIdentity{.identity = identity, .client_ca_pem = {}});
  auto options = ClientFixture::tls(server, authority.pem());
  {
    ClientFixture test(options);
    const auto result = test.get();
    REQUIRE(outcome(result) == "tls");
    CHECK(result.error().message.find("not valid") != std::string::npos);
  }
  options.tls.insecure_skip_verify = true;
  options.tls.server_name = "elsewhere.example";
  ClientFixture test(options);
  CHECK(outcome(test.get()) == "ok");
}

TEST_CASE("without authorities of its own, the client trusts the system's only") {
  const TestAuthority authority;
  ScriptedServer server(answer_all,
                        ServerIdentity{.identity = authority.issue(), .client_ca_pem = {}});
  SECTION("which do not know the server's") {
    ClientFixture test(ClientFixture::tls(server, ""));
    const auto result = test.get();
    REQUIRE(outcome(result) == "tls");
    CHECK_THAT(result.error().message, Catch::Contains("unable to get local issuer certificate"));
  }
  SECTION("which are those of SSL_CERT_FILE, if that is given") {
    const test::TemporaryFile system(authority.pem());
    ::setenv("SSL_CERT_FILE", system.path().c_str(), 1);
    ClientFixture test(ClientFixture::tls(server, ""));
    const auto result = test.get();
    ::unsetenv("SSL_CERT_FILE");
    CHECK(outcome(result) == "ok");
  }
}

TEST_CASE("any authority of a bundle will do") {
  const TestAuthority first("first");
  const TestAuthority second("second");
  ScriptedServer server(answer_all,
                        ServerIdentity{.identity = second.issue(), .client_ca_pem = {}});
  ClientFixture test(ClientFixture::tls(server, "# comment\n" + first.pem() + "\n" + second.pem()));
  CHECK(outcome(test.get()) == "ok");
}

TEST_CASE("TLS below 1.2 is refused") {
  const TestAuthority authority;
  ScriptedServer server(answer_all, ServerIdentity{.identity = authority.issue(),
                                                   .client_ca_pem = {},
                                                   .highest_version = TLS1_1_VERSION});
  ClientFixture test(ClientFixture::tls(server, authority.pem()));
  CHECK(outcome(test.get()) == "tls");
}

TEST_CASE("the client's certificate is shown, and its absence explained") {
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  const TestAuthority authority;
  std::promise<std::string> seen;
  ScriptedServer server(
      [&](Peer& peer) {
        seen.set_value(common_name_of_client(peer));
        peer.answer_all();
      },
      ServerIdentity{.identity = authority.issue(),
                     .client_ca_pem = authority.pem(),
                     .highest_version = version});
  auto options = ClientFixture::tls(server, authority.pem());
  SECTION("shown") {
    auto mine = authority.issue({.common_name = "robot", .alternative_names = ""});
    options.tls.certificate_pem = mine.certificate_pem;
    options.tls.key_pem = crypto::SecretString(std::move(mine.key_pem));
    ClientFixture test(options);
    CHECK(outcome(test.get()) == "ok");
    CHECK(seen.get_future().get() == "robot");
  }
  SECTION("absent") {
    ClientFixture test(options);
    const auto result = test.get();
    REQUIRE(outcome(result) == "tls");
    CHECK(result.error().message.find("the server refused the TLS") != std::string::npos);
  }
}

TEST_CASE("unusable certificates and keys are named, and never shown") {
  const TestAuthority authority;
  const std::string ca = authority.pem();
  const auto good = authority.issue();
  const auto other = authority.issue();
  struct Case {
    std::string ca, certificate, key, problem;
  };
  const std::string damaged = "-----BEGIN CERTIFICATE-----\nsecret\n-----END CERTIFICATE-----\n";
  const Case test_case = GENERATE_COPY(values<Case>({
      {"secret", "", "", "certificate authorities"},
      {damaged, "", "", "certificate authorities"},
      {ca + damaged, "", "", "certificate authorities"},
      {ca, "secret", good.key_pem, "client certificate"},
      {ca, good.certificate_pem, "", "client key"},
      {ca, good.certificate_pem, "secret", "client key"},
      {ca, good.certificate_pem, other.key_pem, "client key: does not belong"},
  }));
  ScriptedServer server(answer_all, ServerIdentity{.identity = good, .client_ca_pem = {}});
  auto options = ClientFixture::tls(server, test_case.ca);
  options.tls.certificate_pem = test_case.certificate;
  options.tls.key_pem = crypto::SecretString(std::string(test_case.key));
  ClientFixture test(options);
  const auto result = test.get();
  REQUIRE(outcome(result) == "tls");
  CHECK(result.error().message.find(test_case.problem) != std::string::npos);
  CHECK(result.error().message.find("secret") == std::string::npos);
}

TEST_CASE("new TLS settings hold from the next request on") {
  const TestAuthority authority;
  const TestAuthority other("other authority");
  ScriptedServer server(answer_all,
                        ServerIdentity{.identity = authority.issue(), .client_ca_pem = {}});
  ClientFixture test(ClientFixture::tls(server, other.pem()));
  const auto trust = [&](const std::string& ca_pem) {
    ClientTls tls;
    tls.ca_pem = ca_pem;
    test.client().set_tls(tls);
  };
  CHECK(outcome(test.get()) == "tls");
  trust(authority.pem());
  CHECK(outcome(test.get()) == "ok");
  const int before = server.accepted();
  trust(authority.pem());
  CHECK(outcome(test.get()) == "ok");
  CHECK(server.accepted() == before + 1);  // the idle connection was dropped
  trust(other.pem());
  CHECK(outcome(test.get()) == "tls");
  trust("damaged");
  CHECK(outcome(test.get()) == "tls");
}

TEST_CASE("a connection that was leased under former TLS settings is not pooled again") {
  const TestAuthority authority;
  ScriptedServer server(answer_all,
                        ServerIdentity{.identity = authority.issue(), .client_ca_pem = {}});
  ClientFixture test(ClientFixture::tls(server, authority.pem()));
  auto stream = test.open();
  REQUIRE(outcome(stream) == "ok");
  ClientTls tls;
  tls.ca_pem = authority.pem();
  test.client().set_tls(tls);
  CHECK(test.next(**stream) == "ok");
  CHECK(test.next(**stream) == "");
  CHECK(outcome(test.get()) == "ok");
  CHECK(server.accepted() == 2);
}

TEST_CASE("further connections resume the TLS session of the first") {
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  const TestAuthority authority;
  std::mutex mutex;
  std::vector<bool> resumed;
  ScriptedServer server(
      [&](Peer& peer) {
        {
          const std::lock_guard lock(mutex);
          resumed.push_back(SSL_session_reused(peer.tls()) == 1);
        }
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        peer.wait_for_close();
      },
      ServerIdentity{
          .identity = authority.issue(), .client_ca_pem = {}, .highest_version = version});
  ClientFixture test(ClientFixture::tls(server, authority.pem()));
  for (int i = 0; i < 3; ++i) CHECK(outcome(test.get()) == "ok");
  CHECK(resumed == std::vector<bool>{false, true, true});
  ClientTls tls;
  tls.ca_pem = authority.pem();
  test.client().set_tls(tls);
  CHECK(outcome(test.get()) == "ok");
  CHECK_FALSE(resumed.back());
}

TEST_CASE("over TLS a dead pooled connection is noticed, too") {
  const std::string meanwhile = GENERATE("ends", "cuts off", "takes a request and closes");
  const TestAuthority authority;
  std::promise<void> done;
  ScriptedServer server(
      [&](Peer& peer) {
        if (peer.number() > 1) return peer.answer_all("second");
        peer.request();
        peer.answer("first");
        if (meanwhile == "ends") peer.end();
        if (meanwhile == "cuts off") ::shutdown(peer.socket(), SHUT_WR);
        done.set_value();
        if (meanwhile == "takes a request and closes") peer.request();
      },
      ServerIdentity{.identity = authority.issue(), .client_ca_pem = {}});
  ClientFixture test(ClientFixture::tls(server, authority.pem()));
  CHECK(test.get()->body == "first");
  done.get_future().wait();
  CHECK(test.get()->body == "second");
  CHECK(server.accepted() == 2);
}

TEST_CASE("over TLS the end of a body without a length must be told, not just happen") {
  const bool told = GENERATE(false, true);
  const TestAuthority authority;
  ScriptedServer server(
      [&](Peer& peer) {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\n\r\nhalf");
        if (told) {
          peer.end();
        } else {
          ::shutdown(peer.socket(), SHUT_WR);
        }
        peer.wait_for_close();
      },
      ServerIdentity{.identity = authority.issue(), .client_ca_pem = {}});
  ClientFixture test(ClientFixture::tls(server, authority.pem()));
  const auto result = test.get();
  CHECK(outcome(result) == (told ? "ok" : "broken"));
  if (!result) CHECK_THAT(result.error().message, Catch::EndsWith("the connection was cut off"));
}

TEST_CASE("over TLS streams hand on what arrives") {
  const Connection connection = GENERATE(Connection::kPooled, Connection::kOwn);
  const TestAuthority authority;
  std::atomic<int> taken{0};
  ScriptedServer server(
      [&](Peer& peer) {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < 20; ++i) {
          while (taken < i) std::this_thread::yield();
          peer.send("2\r\n" + std::to_string(10 + i) + "\r\n");
        }
        peer.wait_for_close();
      },
      ServerIdentity{.identity = authority.issue(), .client_ca_pem = {}});
  ClientFixture test(ClientFixture::tls(server, authority.pem()));
  auto stream = test.open(connection);
  REQUIRE(outcome(stream) == "ok");
  for (int i = 0; i < 20; ++i) {
    CHECK(test.next(**stream) == std::to_string(10 + i));
    ++taken;
  }
  CHECK(outcome(test.next(**stream, 20ms)) == "timeout");
}

TEST_CASE("a TLS handshake that stalls ends with the time to connect, or with the deadline") {
  ScriptedServer server([](Peer& peer) { peer.request(); });  // uses neither TLS nor anything else
  auto options = ClientFixture::tls(server, "");
  options.tls.insecure_skip_verify = true;
  SECTION("time to connect") {
    options.connect_time = 50ms;
    ClientFixture test(options);
    CHECK(outcome(test.get()) == "connect");
  }
  SECTION("deadline") {
    ClientFixture test(options);
    CHECK(outcome(test.get("/", 50ms)) == "timeout");
  }
  SECTION("closing the client") {
    ClientFixture test(options);
    const auto call = test.start_get();
    test.run_until([&] { return server.accepted() == 1; });
    test.client().close();
    CHECK(outcome(test.finish(call)) == "closed");
  }
}

TEST_CASE("a server that does not speak TLS is told apart from one that is not there") {
  ScriptedServer server([](Peer& peer) {
    peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    peer.wait_for_close();
  });
  auto options = ClientFixture::tls(server, "");
  options.tls.insecure_skip_verify = true;
  ClientFixture test(options);
  CHECK(outcome(test.get()) == "tls");
}

TEST_CASE("a server that hangs up during the TLS handshake is told as such") {
  ScriptedServer server([](Peer& /*peer*/) {});
  auto options = ClientFixture::tls(server, "");
  options.tls.insecure_skip_verify = true;
  ClientFixture test(options);
  const auto result = test.get();
  REQUIRE_FALSE(result);
  CHECK_THAT(result.error().message,
             Catch::EndsWith("the connection ended during the TLS handshake"));
}

}  // namespace receiver::http
