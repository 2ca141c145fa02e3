#pragma once

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <functional>
#include <map>
#include <memory>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <netinet/in.h>
#include <openssl/ssl.h>

#include "test/support/test_certificates.h"

namespace receiver::kube {

/// An API server of similar collections in its own process, so that its memory does not count as
/// ours: any number of watches, to which it sends one event each, all at the same time, on request.
class WatchServer {
 public:
  /// Only that process creates `event` and the content of the lists. With `identity` it uses TLS.
  WatchServer(const std::function<std::string()>& event, const std::function<std::string()>& listed,
              const test::TestIdentity* identity) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    std::array<int, 2> ends{};
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 4096) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        ::pipe(ends.data()) != 0) {
      throw std::runtime_error("no socket for the server of watches");
    }
    port_ = ntohs(address.sin_port);
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ends[1]);
      Child(listener_, ends[0], identity).serve(event(), listed());
      ::_exit(0);
    }
    ::close(listener_);
    ::close(ends[0]);
    control_ = ends[1];
  }
  ~WatchServer() {
    ::close(control_);
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  WatchServer(const WatchServer&) = delete;
  WatchServer& operator=(const WatchServer&) = delete;

  [[nodiscard]] unsigned short port() const { return port_; }
  void send_events() const {
    if (::write(control_, "e", 1) != 1) throw std::runtime_error("the server of watches is gone");
  }

 private:
  class Child {
   public:
    Child(int listener, int control, const test::TestIdentity* identity)
        : listener_(listener), control_(control) {
      ::fcntl(listener_, F_SETFL, O_NONBLOCK);
      if (identity == nullptr) return;
      tls_ = SSL_CTX_new(TLS_server_method());
      const auto certificate =
          crypto::next_certificate(crypto::pem_text(identity->certificate_pem).get());
      const auto key = crypto::read_key(crypto::pem_text(identity->key_pem).get());
      SSL_CTX_use_certificate(tls_, certificate.get());
      SSL_CTX_use_PrivateKey(tls_, key.get());
      SSL_CTX_set_mode(tls_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }

    /// Runs until the parent has ended.
    void serve(const std::string& event, const std::string& listed) {
      const std::string list = R"({"metadata":{"resourceVersion":"1"},"items":[)" + listed + "]}";
      for (;;) {
        std::vector<pollfd> wanted{{listener_, POLLIN, 0}, {control_, POLLIN, 0}};
        for (const auto& [fd, one] : connections_) {
          const bool writes = !one.out.empty() || one.wants_write;
          wanted.push_back({fd, static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN), 0});
        }
        ::poll(wanted.data(), wanted.size(), -1);
        if (wanted[0].revents != 0) accept_all();
        if (wanted[1].revents != 0) {
          char asked = 0;
          if (::read(control_, &asked, 1) != 1) return;
          for (auto& [fd, one] : connections_) {
            if (one.watches) one.out += chunk(event);
          }
        }
        for (std::size_t i = 2; i < wanted.size(); ++i) {
          const auto found = connections_.find(wanted[i].fd);
          if (wanted[i].revents == 0 || found == connections_.end()) continue;
          if (go_on(found->first, found->second, list)) continue;
          SSL_free(found->second.session);
          ::close(found->first);
          connections_.erase(found);
        }
      }
    }

   private:
    struct Connection {
      SSL* session = nullptr;
      std::string in, out;
      bool watches = false;
      bool wants_write = false;
    };

    static std::string chunk(const std::string& text) {
      std::array<char, 32> head{};
      std::snprintf(head.data(), head.size(), "%zx\r\n", text.size());
      return head.data() + text + "\r\n";
    }

    void accept_all() {
      for (int fd = 0; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
        Connection& one = connections_[fd];
        if (tls_ == nullptr) continue;
        one.session = SSL_new(tls_);
        SSL_set_fd(one.session, fd);
        SSL_set_accept_state(one.session);
      }
    }

    /// The number of bytes; 0: not now; negative: the connection has ended.
    static int transferred(Connection& one, int result, bool tls) {
      if (result > 0) return result;
      if (!tls) return result < 0 && errno == EAGAIN ? 0 : -1;
      const int why = SSL_get_error(one.session, result);
      one.wants_write = why == SSL_ERROR_WANT_WRITE;
      return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }

    bool go_on(int fd, Connection& one, const std::string& list) {
      const bool tls = one.session != nullptr;
      std::array<char, 16384> piece{};
      for (;;) {
        one.wants_write = false;
        const int size = static_cast<int>(piece.size());
        const int got =
            transferred(one,
                        tls ? SSL_read(one.session, piece.data(), size)
                            : static_cast<int>(::recv(fd, piece.data(), piece.size(), 0)),
                        tls);
        if (got < 0) return false;
        if (got == 0) break;
        one.in.append(piece.data(), static_cast<std::size_t>(got));
      }
      for (auto end = one.in.find("\r\n\r\n"); end != std::string::npos;
           end = one.in.find("\r\n\r\n")) {
        one.watches = one.in.substr(0, end).find("watch=true") != std::string::npos;
        one.in.erase(0, end + 4);
        one.out += one.watches
                       ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                       : "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(list.size()) +
                             "\r\n\r\n" + list;
      }
      while (!one.out.empty()) {
        // In pieces, so that all events are in flight at the same time.
        const std::size_t size = std::min<std::size_t>(one.out.size(), 64 * 1024);
        const int sent =
            transferred(one,
                        tls ? SSL_write(one.session, one.out.data(), static_cast<int>(size))
                            : static_cast<int>(::send(fd, one.out.data(), size, MSG_NOSIGNAL)),
                        tls);
        if (sent < 0) return false;
        if (sent == 0) break;
        one.out.erase(0, static_cast<std::size_t>(sent));
        if (one.out.size() > 1024) break;
      }
      return true;
    }

    int listener_, control_;
    SSL_CTX* tls_ = nullptr;
    std::map<int, Connection> connections_;
  };

  int listener_ = -1;
  int control_ = -1;
  pid_t child_ = -1;
  unsigned short port_ = 0;
};

}  // namespace receiver::kube
