#include "http/server_tls.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>

#include <catch2/catch.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "crypto/pem.h"
#include "http/server.h"
#include "test/support/mounted_pair.h"
#include "test/support/temporary_directory.h"
#include "test/support/test_certificates.h"
#include "test/unit/http/server_fixture.h"

namespace receiver::http {

using test::MountedPair;
using test::TemporaryDirectory;
using test::TestAuthority;
using test::TestIdentity;

namespace {

namespace fs = std::filesystem;

/// In one step: the server may read at any time.
void write_file(const fs::path& path, const std::string& text) {
  const fs::path half = path.string() + ".new";
  std::ofstream(half, std::ios::binary | std::ios::trunc) << text;
  fs::rename(half, path);
}

void write_pair(const fs::path& folder, const TestIdentity& identity) {
  fs::create_directories(folder);
  write_file(folder / "tls.crt", identity.certificate_pem);
  write_file(folder / "tls.key", identity.key_pem);
}

ServerTls files_in(const fs::path& folder) {
  return {.certificate_path = (folder / "tls.crt").string(),
          .key_path = (folder / "tls.key").string(),
          .reload_interval = 10ms};
}

/// A TLS peer that trusts one CA; it must not outlive its test.
class TlsClient {
 public:
  TlsClient(unsigned short port, const TestAuthority& authority, int version = 0,
            const TlsClient* before = nullptr)
      : raw_(port) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(context_.get(), [](SSL* session, SSL_SESSION* /*ticket*/) {
      ++static_cast<TlsClient*>(SSL_get_app_data(session))->tickets_;
      return 0;
    });
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
    SSL_CTX_set_security_level(context_.get(), 0);
    const std::string pem = authority.pem();
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), certificate.get());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    session_.reset(SSL_new(context_.get()));
    SSL_set1_host(session_.get(), "localhost");
    SSL_set_fd(session_.get(), raw_.socket());
    SSL_set_app_data(session_.get(), this);
    if (before != nullptr) SSL_set_session(session_.get(), SSL_get_session(before->session_.get()));
    connected_ = SSL_connect(session_.get()) == 1;
  }

  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool resumed() const { return SSL_session_reused(session_.get()) == 1; }
  [[nodiscard]] int tickets() const { return tickets_; }
  [[nodiscard]] std::string common_name() const {
    char name[100] = "";
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        SSL_get1_peer_certificate(session_.get()), X509_free);
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name,
                              sizeof name);
    return name;
  }
  void send(std::string_view bytes) {
    SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size()));
  }
  /// Up to and including the body's last byte, which the caller knows.
  std::string read_until(std::string_view mark) {
    std::string text;
    char bytes[16 * 1024];
    while (!text.ends_with(mark)) {
      const int got = SSL_read(session_.get(), bytes, sizeof bytes);
      if (got <= 0) return text + "[ended]";
      text.append(bytes, static_cast<std::size_t>(got));
    }
    return text;
  }
  /// The server sent TLS's closing alert: the connection was not cut by a third party.
  bool ends_properly() {
    char byte = 0;
    const int got = SSL_read(session_.get(), &byte, 1);
    return SSL_get_error(session_.get(), got) == SSL_ERROR_ZERO_RETURN;
  }
  RawClient& raw() { return raw_; }

 private:
  struct ContextFree {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  struct SessionFree {
    void operator()(SSL* session) const { SSL_free(session); }
  };
  RawClient raw_;
  std::unique_ptr<SSL_CTX, ContextFree> context_;
  std::unique_ptr<SSL, SessionFree> session_;
  bool connected_ = false;
  int tickets_ = 0;
};

struct TlsServer {
  TestAuthority authority;
  TemporaryDirectory folder;
  std::mutex mutex;
  std::vector<std::string> lines;
  std::optional<TestServer> server;

  explicit TlsServer(ServerLimits limits = {}, Handler handler = echo) {
    write_pair(folder.path(), authority.issue({.common_name = "old"}));
    start(files_in(folder.path()), limits, std::move(handler));
  }
  /// The test provides the files.
  explicit TlsServer(std::nullopt_t /*none*/) {}

  void start(const ServerTls& files, ServerLimits limits = {}, Handler handler = echo) {
    TestServer::Options options;
    options.limits = limits;
    options.tls = files;
    options.threads = 2;
    options.logger = log::Logger::to_callback(log::Level::kInfo, log::Format::kConsole,
                                              [this](std::string_view line) {
                                                const std::lock_guard lock(mutex);
                                                lines.emplace_back(line);
                                              });
    server.emplace(std::move(handler), options);
  }
  bool logged(const std::string& text) {
    const std::lock_guard lock(mutex);
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find(text) != std::string::npos;
    });
  }
  std::string served_name() const {
    TlsClient client(server->port(), authority);
    return client.connected() ? client.common_name() : "(no connection)";
  }
};

}  // namespace

TEST_CASE("requests are served over TLS 1.2 and 1.3") {
  TlsServer test;
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  TlsClient client(test.server->port(), test.authority, version);
  REQUIRE(client.connected());
  client.send(get("/1") + get("/2"));
  const std::string both = client.read_until("/2:");
  CHECK(both.find("\r\n\r\n/1:") != std::string::npos);
  client.send(post("/3", "body"));
  CHECK(client.read_until("/3:body").find("200 OK") != std::string::npos);
  client.send("GET /4 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
  CHECK(client.read_until("/4:").find("Connection: close") != std::string::npos);
  CHECK(client.ends_properly());
}

TEST_CASE("a peer may resume its TLS session, by the one ticket that it gets") {
  TlsServer test;
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  TlsClient first(test.server->port(), test.authority, version);
  first.send(get("/"));
  CHECK(first.read_until("/:").find("HTTP/1.1 200 OK") == 0);
  CHECK_FALSE(first.resumed());
  CHECK(first.tickets() == 1);
  const TlsClient second(test.server->port(), test.authority, version, &first);
  CHECK(second.resumed());
}

TEST_CASE("TLS 1.1 is refused") {
  TlsServer test;
  // Not only because OpenSSL rejects it, too, if nobody has lowered its security level.
  const auto identity = test.authority.issue();
  const auto context = ServerTlsContext::from_pem(identity.certificate_pem, identity.key_pem, {});
  REQUIRE(context);
  const TlsSession session = (*context)->new_session(0);
  CHECK(SSL_get_min_proto_version(session.get()) == TLS1_2_VERSION);
  const TlsClient client(test.server->port(), test.authority, TLS1_1_VERSION);
  CHECK_FALSE(client.connected());
  CHECK(eventually([&] { return test.server->counters().tls_handshake_failures == 1; }));
}

TEST_CASE("large bodies and answers pass through TLS whole") {
  TlsServer test;
  TlsClient client(test.server->port(), test.authority);
  std::string body;
  for (int i = 0; body.size() < 2'000'000; ++i) body += std::to_string(i) + ",";
  body += "$";
  client.send(post("/x", body));
  const std::string answer = client.read_until("$");
  CHECK(answer.ends_with("\r\n\r\n/x:" + body));
}

TEST_CASE("a refused body over TLS: the peer reads the answer although it is still sending") {
  TlsServer test({}, unknown);
  TlsClient client(test.server->port(), test.authority);
  client.send(post("/x", std::string(1'000'000, 'x')));
  CHECK(client.read_until("{}\n").find("404 Not Found") != std::string::npos);
  CHECK(client.ends_properly());
}

TEST_CASE("a peer that speaks plain HTTP to a TLS port is told so") {
  TlsServer test;
  RawClient client(test.server->port());
  client.send(get("/"));
  const RawAnswer answer = client.read_answer();
  CHECK(answer.status == 400);
  CHECK(answer.body == "{\"error\":\"this port speaks HTTPS only\"}\n");
  client.end_sending();
  CHECK(client.ends());
}

TEST_CASE("a handshake that does not come is given up") {
  ServerLimits limits;
  limits.handshake_time = 50ms;
  TlsServer test(limits);
  RawClient client(test.server->port());
  SECTION("nothing is sent") {}
  SECTION("a part of it is") {
    client.send("\x16\x03\x01\x02");
  }
  CHECK(client.ends_or_resets());
  CHECK(test.server->counters().tls_handshake_failures == 1);
}

TEST_CASE("idle TLS connections are closed with a good-bye") {
  ServerLimits limits;
  limits.idle_time = 50ms;
  TlsServer test(limits);
  TlsClient client(test.server->port(), test.authority);
  REQUIRE(client.connected());
  CHECK(client.ends_properly());
}

TEST_CASE("a certificate replaced in place is served to new connections, old ones go on") {
  TlsServer test;
  TlsClient before(test.server->port(), test.authority);
  CHECK(before.common_name() == "old");
  const auto old_expiry = test.server->server().certificate_expiry();
  write_pair(test.folder.path(),
             test.authority.issue({.common_name = "new", .expires_in = std::chrono::hours(1000)}));
  CHECK(eventually([&] { return test.served_name() == "new"; }));
  CHECK(test.server->counters().tls_reloads == 1);
  before.send(get("/still"));
  CHECK(before.read_until("/still:").find("200 OK") != std::string::npos);
  REQUIRE(old_expiry);
  REQUIRE(test.server->server().certificate_expiry());
  CHECK(*test.server->server().certificate_expiry() - *old_expiry > std::chrono::hours(900));
}

TEST_CASE("a certificate replaced as Kubernetes does it, by a link to another folder, is served") {
  TlsServer test(std::nullopt);
  MountedPair mounted(test.folder.path(), test.authority.issue({.common_name = "old"}));
  test.start(files_in(test.folder.path()));
  CHECK(test.served_name() == "old");

  mounted.replace(test.authority.issue({.common_name = "new"}));
  CHECK(eventually([&] { return test.served_name() == "new"; }));
  CHECK(test.server->counters().tls_reload_failures == 0);
}

TEST_CASE("a bad new pair is counted and named once, and the old one stays in use") {
  TlsServer test;
  const TestIdentity other = test.authority.issue({.common_name = "other"});
  const std::string certificate = test.folder.path("tls.crt");
  const std::string key = test.folder.path("tls.key");
  std::string complaint;
  SECTION("a key that does not fit") {
    write_file(key, other.key_pem);
    complaint = key + ": the key does not belong to the certificate in " + certificate;
  }
  SECTION("a certificate that does not fit") {
    write_file(certificate, other.certificate_pem);
    complaint = key + ": the key does not belong to the certificate in " + certificate;
  }
  SECTION("no certificate") {
    write_file(certificate, "not a certificate");
    complaint = certificate + ": no usable PEM certificate";
  }
  SECTION("a chain that breaks off") {
    write_file(certificate, other.certificate_pem + test.authority.pem().substr(0, 200));
    complaint = certificate + ": damaged certificate in the chain";
  }
  SECTION("no key") {
    write_file(key, "");
    complaint = key + ": no usable PEM key";
  }
  SECTION("an encrypted key") {
    write_file(
        key, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    complaint = key + ": no usable PEM key";
  }
  SECTION("a file that is gone") {
    fs::remove(key);
    complaint = "cannot read " + key;
  }
  REQUIRE(eventually([&] { return test.server->counters().tls_reload_failures == 1; }));
  CHECK(eventually([&] { return test.logged(complaint); }));
  CHECK(test.served_name() == "old");

  // The next good pair is loaded, and until then the bad one was not reported again.
  write_pair(test.folder.path(), other);
  CHECK(eventually([&] { return test.served_name() == "other"; }));
  CHECK(test.server->counters().tls_reload_failures <= 2);  // writing two files is not atomic
}

TEST_CASE("an intermediate certificate in the file is sent along") {
  TlsServer test(std::nullopt);
  TestIdentity identity = test.authority.issue();
  identity.certificate_pem += TestAuthority("bystander").pem();
  write_pair(test.folder.path(), identity);
  test.start(files_in(test.folder.path()));
  CHECK(test.served_name() == "localhost");
}

TEST_CASE("an expired certificate is served with a warning: some senders do not verify") {
  TlsServer test(std::nullopt);
  write_pair(test.folder.path(), test.authority.issue({.expires_in = std::chrono::hours(-1)}));
  test.start(files_in(test.folder.path()));
  CHECK(test.logged("the certificate has expired"));
  CHECK(*test.server->server().certificate_expiry() < clock::Wall::now());
}

TEST_CASE("a certificate whose expiry cannot be read counts as expired, and shows none") {
  TlsServer test(std::nullopt);
  TestIdentity identity = test.authority.issue();
  const auto certificate =
      crypto::next_certificate(crypto::pem_text(identity.certificate_pem).get());
  const std::unique_ptr<ASN1_TIME, crypto::FreedBy<ASN1_TIME_free>> nonsense(ASN1_UTCTIME_new());
  ASN1_STRING_set(nonsense.get(), "nonsense", -1);
  X509_set1_notAfter(certificate.get(), nonsense.get());
  i2d_re_X509_tbs(certificate.get(), nullptr);
  identity.certificate_pem =
      test::detail::to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
  write_pair(test.folder.path(), identity);
  test.start(files_in(test.folder.path()));
  CHECK(test.logged("the certificate has expired"));
  CHECK_FALSE(test.server->server().certificate_expiry());
}

TEST_CASE("a server whose certificate cannot be read does not start, and says which file it was") {
  TemporaryDirectory folder;
  boost::asio::io_context io;
  ServerOptions options{.name = "t", .address = "127.0.0.1", .port = 0};
  options.tls = files_in(folder.path());
  Server server(io, options, echo, log::Logger::none());
  CHECK(server.start().error() ==
        "TLS: cannot read " + folder.path("tls.crt") + ": No such file or directory");
  CHECK_FALSE(server.certificate_expiry());
}

TEST_CASE("TLS peers that vanish at any point leave nothing behind") {
  TlsServer test;
  for (int i = 0; i < 20; ++i) {
    TlsClient client(test.server->port(), test.authority);
    if (i % 2 == 0) {
      client.send(post("/x", std::string(100'000, 'x')).substr(0, 5'000));
    } else {
      client.send(get("/x"));
      const linger reset{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(client.raw().socket(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    client.raw().close();
  }
  CHECK(eventually([&] {
    return test.server->counters().accepted == 20 &&
           test.server->counters().connections_current == 0;
  }));
  CHECK(test.server->counters().body_bytes_current == 0);
}

}  // namespace receiver::http
