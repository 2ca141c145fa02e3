// The memory of a thousand connections that wait for a request.

#include <array>
#include <malloc.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <openssl/ssl.h>

#include "test/support/descriptors.h"
#include "test/support/resident_memory.h"
#include "test/support/temporary_directory.h"
#include "test/support/test_certificates.h"
#include "test/unit/http/server_fixture.h"

namespace receiver::http {

using test::raise_descriptor_limit;
using test::resident_kb;
using test::TemporaryDirectory;
using test::TestAuthority;

namespace {

constexpr int kConnections = 1'000;

/// A process that opens the connections once it gets the port, has a request answered on each, and
/// keeps them. It is started before the server, whose threads it must not inherit.
class Clients {
 public:
  explicit Clients(bool tls) {
    std::array<int, 2> to{};
    std::array<int, 2> from{};
    if (::pipe(to.data()) != 0 || ::pipe(from.data()) != 0) throw std::runtime_error("no pipe");
    child_ = ::fork();
    if (child_ == 0) {
      unsigned short port = 0;
      if (::read(to[0], &port, sizeof port) != sizeof port) ::_exit(1);
      SSL_CTX* context = tls ? SSL_CTX_new(TLS_client_method()) : nullptr;
      for (int i = 0; i < kConnections; ++i) {
        if (!exchange(port, context)) ::_exit(1);
      }
      if (::write(from[1], "d", 1) != 1) ::_exit(1);
      ::pause();
      ::_exit(0);
    }
    ::close(to[0]);
    ::close(from[1]);
    to_ = to[1];
    from_ = from[0];
  }
  ~Clients() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    ::close(to_);
    ::close(from_);
  }
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  /// Whether all were answered.
  bool connect(unsigned short port) const {
    char done = 0;
    return ::write(to_, &port, sizeof port) == sizeof port && ::read(from_, &done, 1) == 1;
  }

 private:
  static bool exchange(unsigned short port, SSL_CTX* context) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) return false;
    const std::string text = post("/", std::string(8'000, 'x'));
    std::array<char, 16384> answer{};
    if (context == nullptr) {
      return ::send(socket, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
             ::recv(socket, answer.data(), answer.size(), 0) > 0;
    }
    SSL* session = SSL_new(context);
    SSL_set_fd(session, socket);
    return SSL_connect(session) == 1 &&
           SSL_write(session, text.data(), static_cast<int>(text.size())) > 0 &&
           SSL_read(session, answer.data(), static_cast<int>(answer.size())) > 0;
  }

  pid_t child_ = -1;
  int to_ = -1;
  int from_ = -1;
};

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a thousand connections that wait for a request are small") {
  const bool tls = GENERATE(false, true);
  raise_descriptor_limit();
  const Clients clients(tls);

  TestServer::Options options;
  const TemporaryDirectory folder;
  if (tls) {
    const auto identity = TestAuthority().issue();
    options.tls = ServerTls{.certificate_path = folder.write("tls.crt", identity.certificate_pem),
                            .key_path = folder.write("tls.key", identity.key_pem)};
  }
  TestServer server(echo, options);
  ::malloc_trim(0);
  const long before = resident_kb();
  REQUIRE(clients.connect(server.port()));
  REQUIRE(eventually([&] { return server.counters().connections_current == kConnections; }));
  ::malloc_trim(0);
  const long each = (resident_kb() - before) / kConnections;
  WARN((tls ? "TLS" : "plain") << ": a connection that waits costs " << each << " KiB");
  CHECK(each <= (tls ? 32 : 8));
}
#endif

}  // namespace receiver::http
