#pragma once

#include <chrono>
#include <fcntl.h>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <signal.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>

#include "test/support/test_certificates.h"

namespace receiver::test {

/// The server's end of one connection, for a script that blocks. Every wait ends when the server is
/// destroyed.
class Peer {
 public:
  Peer(int socket, int number, SSL* tls) : socket_(socket), number_(number), tls_(tls) {}
  ~Peer() {
    SSL_free(tls_);
    ::close(socket_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// The number of this connection, from 1.
  [[nodiscard]] int number() const { return number_; }

  /// The next request, header and body; nothing if the client closed.
  std::optional<std::string> request() {
    std::size_t head = std::string::npos;
    while ((head = unread_.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more()) return std::nullopt;
    }
    std::size_t size = head + 4;
    if (const std::size_t at = unread_.find("Content-Length: "); at < head) {
      size += std::stoul(unread_.substr(at + 16));
    }
    while (unread_.size() < size) {
      if (!read_more()) return std::nullopt;
    }
    std::string request = unread_.substr(0, size);
    unread_.erase(0, size);
    return request;
  }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const int size = static_cast<int>(std::min<std::size_t>(bytes.size(), 65536));
      const auto sent =
          tls_ != nullptr ? SSL_write(tls_, bytes.data(), size)
                          : static_cast<int>(::send(socket_, bytes.data(),
                                                    static_cast<std::size_t>(size), MSG_NOSIGNAL));
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool answer(std::string_view body = "ok") {
    return send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                std::string(body));
  }
  /// Answers all requests until the client closes.
  void answer_all(std::string_view body = "ok") {
    while (request()) answer(body);
  }

  /// Waits until the client closes; false if it sends something instead.
  bool wait_for_close() { return !read_more(); }
  /// Closes in order; with TLS, with a closing alert.
  void end() {
    if (tls_ != nullptr) SSL_shutdown(tls_);
    ::shutdown(socket_, SHUT_WR);
  }
  /// Resets the connection.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    const int other = ::open("/dev/null", 0);
    ::dup2(other, socket_);  // closes the connection, and keeps its descriptor reserved
    ::close(other);
  }
  [[nodiscard]] SSL* tls() const { return tls_; }
  [[nodiscard]] int socket() const { return socket_; }

 private:
  bool read_more() {
    char bytes[16384];
    const auto got = tls_ != nullptr ? SSL_read(tls_, bytes, sizeof bytes)
                                     : static_cast<int>(::recv(socket_, bytes, sizeof bytes, 0));
    if (got <= 0) return false;
    unread_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  int socket_;
  int number_;
  SSL* tls_;
  std::string unread_;
};

struct ServerIdentity {
  TestIdentity identity;
  std::string client_ca_pem;  ///< empty: requests no client certificate
  int highest_version = TLS1_3_VERSION;
};

/// A server on a free port that runs a script on a thread per connection.
class ScriptedServer {
 public:
  using Script = std::function<void(Peer&)>;

  explicit ScriptedServer(Script script, std::string address = "127.0.0.1")
      : ScriptedServer(std::move(script), std::nullopt, std::move(address)) {}

  ScriptedServer(Script script, std::optional<ServerIdentity> tls,
                 std::string address = "127.0.0.1")
      : address_(std::move(address)), script_(std::move(script)) {
    if (tls) set_up_tls(*tls);
    const bool is_ipv6 = address_.find(':') != std::string::npos;
    sockaddr_storage storage{};
    socklen_t size = 0;
    if (is_ipv6) {
      auto* where = reinterpret_cast<sockaddr_in6*>(&storage);
      where->sin6_family = AF_INET6;
      ::inet_pton(AF_INET6, address_.c_str(), &where->sin6_addr);
      size = sizeof *where;
    } else {
      auto* where = reinterpret_cast<sockaddr_in*>(&storage);
      where->sin_family = AF_INET;
      ::inet_pton(AF_INET, address_.c_str(), &where->sin_addr);
      size = sizeof *where;
    }
    listener_ = ::socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto* where = reinterpret_cast<sockaddr*>(&storage);
    if (::bind(listener_, where, size) != 0 || ::listen(listener_, 128) != 0 ||
        ::getsockname(listener_, where, &size) != 0) {
      throw std::runtime_error("no listener on " + address_);
    }
    port_ = ntohs(is_ipv6 ? reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port
                          : reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    {
      const std::lock_guard lock(mutex_);
      for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    }
    for (auto& thread : connections_) thread.join();
    SSL_CTX_free(context_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] unsigned short port() const { return port_; }
  [[nodiscard]] int accepted() const {
    const std::lock_guard lock(mutex_);
    return accepted_;
  }

 private:
  void set_up_tls(const ServerIdentity& tls) {
    context_ = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_max_proto_version(context_, tls.highest_version);
    SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
    if (tls.highest_version < TLS1_2_VERSION) SSL_CTX_set_security_level(context_, 0);
    const crypto::X509Ptr certificate =
        crypto::next_certificate(crypto::pem_text(tls.identity.certificate_pem).get());
    const crypto::KeyPtr key = crypto::read_key(crypto::pem_text(tls.identity.key_pem).get());
    detail::require(SSL_CTX_use_certificate(context_, certificate.get()) == 1 &&
                    SSL_CTX_use_PrivateKey(context_, key.get()) == 1);
    SSL_CTX_set_session_id_context(context_, reinterpret_cast<const unsigned char*>("test"), 4);
    if (tls.client_ca_pem.empty()) return;
    const crypto::X509Ptr authority =
        crypto::next_certificate(crypto::pem_text(tls.client_ca_pem).get());
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), authority.get());
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }

  void accept_all() {
    for (;;) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      const std::lock_guard lock(mutex_);
      sockets_.push_back(socket);
      connections_.emplace_back([this, socket, number = ++accepted_] { serve(socket, number); });
    }
  }

  void serve(int socket, int number) {
    // OpenSSL's own sockets raise SIGPIPE; the client under test must work without this.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    SSL* tls = nullptr;
    if (context_ != nullptr) {
      tls = SSL_new(context_);
      SSL_set_fd(tls, socket);
    }
    {
      Peer peer(socket, number, tls);
      if (tls == nullptr || SSL_accept(tls) == 1) script_(peer);
      // From here another connection may get the descriptor.
      const std::lock_guard lock(mutex_);
      sockets_.remove(socket);
    }
  }

  std::string address_;
  Script script_;
  SSL_CTX* context_ = nullptr;
  int listener_ = -1;
  unsigned short port_ = 0;
  std::thread acceptor_;
  mutable std::mutex mutex_;
  int accepted_ = 0;
  std::list<int> sockets_;
  std::list<std::thread> connections_;
};

}  // namespace receiver::test
