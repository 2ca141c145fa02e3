#include "http/proxy.h"

#include <mutex>
#include <poll.h>
#include <vector>

#include <catch2/catch.hpp>

#include "test/unit/http/client_fixture.h"

namespace receiver::http {
namespace {

using Catch::Contains;

int connect_to(unsigned short port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) return -1;
  return socket;
}

/// Passes bytes between the client and the server until either ends.
void relay(Peer& client, int server) {
  std::array<char, 16384> bytes{};
  for (;;) {
    std::array<pollfd, 2> both{{{client.socket(), POLLIN, 0}, {server, POLLIN, 0}}};
    const bool pending = client.tls() != nullptr && SSL_pending(client.tls()) > 0;
    ::poll(both.data(), both.size(), pending ? 0 : -1);
    if (pending || both[0].revents != 0) {
      const auto got =
          client.tls() != nullptr
              ? SSL_read(client.tls(), bytes.data(), static_cast<int>(bytes.size()))
              : static_cast<int>(::recv(client.socket(), bytes.data(), bytes.size(), 0));
      if (got <= 0) return;
      ::send(server, bytes.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
    }
    if (both[1].revents != 0) {
      const ssize_t got = ::recv(server, bytes.data(), bytes.size(), 0);
      if (got <= 0) return;
      client.send({bytes.data(), static_cast<std::size_t>(got)});
    }
  }
}

/// A proxy that opens tunnels to one server, and records its requests.
class TestProxy {
 public:
  TestProxy(unsigned short server, std::optional<ServerIdentity> tls = std::nullopt,
            std::string answer = "HTTP/1.1 200 Connection established\r\n\r\n")
      : proxy_(
            [this, server, answer](Peer& peer) {
              const auto request = peer.request();
              if (!request) return;
              {
                const std::lock_guard lock(mutex_);
                requests_.push_back(*request);
              }
              peer.send(answer);
              const int socket = connect_to(server);
              if (socket >= 0) relay(peer, socket);
              ::close(socket);
            },
            std::move(tls)) {}

  [[nodiscard]] std::string url(std::string_view scheme, std::string_view user = "") const {
    return std::string(scheme) + "://" + std::string(user) +
           "127.0.0.1:" + std::to_string(proxy_.port()) + "/";
  }
  [[nodiscard]] std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  ScriptedServer proxy_;
};

ClientOptions through(ClientOptions options, const std::string& url) {
  auto proxy = parse_proxy(url);
  REQUIRE(proxy);
  options.proxy = std::move(*proxy);
  return options;
}

}  // namespace

TEST_CASE("a server with TLS is reached by a tunnel, through a proxy of either kind") {
  const TestAuthority authority;
  const ServerIdentity identity{authority.issue(), {}};
  const bool tls_to_proxy = GENERATE(false, true);
  const ScriptedServer server([](Peer& peer) { peer.answer_all(std::string(300'000, 'x')); },
                              identity);
  const TestProxy proxy(server.port(), tls_to_proxy ? std::optional(identity) : std::nullopt);
  const std::string url = proxy.url(tls_to_proxy ? "https" : "http", "me:p%40ss@");
  ClientFixture test(through(ClientFixture::tls(server, authority.pem()), url));
  for (int i = 0; i < 3; ++i) {
    const auto answer = test.get();
    REQUIRE(outcome(answer) == "ok");
    CHECK(answer->body.size() == 300'000);
  }
  REQUIRE(proxy.requests().size() == 1);  // the tunnel is kept
  const std::string authority_text = "127.0.0.1:" + std::to_string(server.port());
  CHECK(proxy.requests()[0] == "CONNECT " + authority_text +
                                   " HTTP/1.1\r\nHost: " + authority_text +
                                   "\r\nProxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n");
}

TEST_CASE("the server's certificate is verified through the tunnel, and the proxy's before it") {
  const TestAuthority authority;
  const TestAuthority stranger("stranger");
  const bool proxy_is_strange = GENERATE(false, true);
  const ServerIdentity good{authority.issue(), {}};
  const ServerIdentity bad{stranger.issue(), {}};
  const ScriptedServer server([](Peer& peer) { peer.answer_all(); }, proxy_is_strange ? good : bad);
  const TestProxy proxy(server.port(), proxy_is_strange ? bad : good);
  ClientFixture test(
      through(ClientFixture::tls(server, authority.pem()), proxy.url("https", "me:word@")));
  const auto answer = test.get();
  CHECK(outcome(answer) == "tls");
  CHECK(proxy.requests().empty() == proxy_is_strange);  // no password to an untrusted proxy
}

TEST_CASE("a proxy that refuses is told as such, without the password") {
  const TestAuthority authority;
  const ScriptedServer server([](Peer&) {}, ServerIdentity{authority.issue(), {}});
  const TestProxy proxy(server.port(), std::nullopt,
                        "HTTP/1.1 407 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  ClientFixture test(
      through(ClientFixture::tls(server, authority.pem()), proxy.url("http", "me:s3cret@")));
  const auto answer = test.get();
  REQUIRE(outcome(answer) == "connect");
  CHECK_THAT(answer.error().message, Contains("through the proxy 127.0.0.1:") && Contains("407") &&
                                         !Contains("s3cret") && !Contains("bWU6czNjcmV0"));
}

TEST_CASE("a plain server is asked for in full, for the proxy to forward") {
  std::string seen;
  const ScriptedServer proxy([&](Peer& peer) {
    if (const auto request = peer.request()) seen = *request;
    peer.answer();
  });
  ClientOptions options;
  options.scheme = "http";
  options.host = "api.example";
  options.port = 8080;
  ClientFixture test(through(options, "http://me:x@127.0.0.1:" + std::to_string(proxy.port())));
  REQUIRE(outcome(test.get("/version")) == "ok");
  CHECK_THAT(seen, Catch::StartsWith("GET http://api.example:8080/version HTTP/1.1\r\n"
                                     "Host: api.example:8080\r\n") &&
                       Contains("Proxy-Authorization: Basic bWU6eA==\r\n"));
}

TEST_CASE("a proxy's URL is read in its parts") {
  struct Row {
    const char* url;
    bool tls;
    const char* host;
    unsigned short port;
    const char* authorization;
  };
  const auto row = GENERATE(values<Row>({
      {"http://proxy", false, "proxy", 80, ""},
      {"HTTPS://proxy/", true, "proxy", 443, ""},
      {"http://[::1]:3128", false, "::1", 3128, ""},
      {"http://a:b:c@10.0.0.1:3128", false, "10.0.0.1", 3128, "Basic YTpiOmM="},
      {"http://a@proxy:1", false, "proxy", 1, "Basic YTo="},
  }));
  CAPTURE(row.url);
  const auto proxy = parse_proxy(row.url);
  REQUIRE(proxy);
  CHECK(proxy->tls == row.tls);
  CHECK(proxy->host == row.host);
  CHECK(proxy->port == row.port);
  CHECK(proxy->authorization().view() == row.authorization);
}

TEST_CASE("what is no proxy's URL is refused, and not quoted") {
  for (const char* url :
       {"", "proxy:3128", "socks5://proxy", "http://", "http://s3cret@", "http://p:0",
        "http://p:65536", "http://p:x", "http://p/s3cret", "http://p?s3cret", "http://[::1",
        "http://[::1]x", "http://s3cret%4@p", "http://s3 cret@p"}) {
    CAPTURE(url);
    const auto proxy = parse_proxy(url);
    REQUIRE_FALSE(proxy);
    CHECK_THAT(proxy.error(), !Contains("s3"));
  }
}

}  // namespace receiver::http
