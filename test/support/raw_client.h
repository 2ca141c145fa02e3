#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

namespace receiver::test {

/// An answer as the peer reads it.
struct RawAnswer {
  unsigned status = 0;  ///< 0: the connection ended before a complete answer
  std::string head{};
  std::string body{};

  [[nodiscard]] bool says(std::string_view header_line) const {
    return head.find("\r\n" + std::string(header_line) + "\r\n") != std::string::npos;
  }
};

/// Sends exactly the given bytes.
class RawClient {
 public:
  /// Far longer than any normal wait of a test.
  static constexpr std::chrono::seconds kPatience{30};

  explicit RawClient(unsigned short port) : RawClient() { connect(port); }
  RawClient() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~RawClient() { close(); }
  RawClient(RawClient&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), unread_(std::move(other.unread_)) {}
  RawClient& operator=(RawClient&&) = delete;

  void connect(unsigned short port) const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("cannot connect");
    }
  }

  /// False once the connection is closed.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool send_byte_by_byte(std::string_view bytes) const {
    for (const char byte : bytes) {
      if (!send({&byte, 1})) return false;
    }
    return true;
  }

  /// The next answer. An answer to HEAD has no body.
  RawAnswer read_answer(bool with_body = true) {
    const auto end_of_head = read_until("\r\n\r\n");
    if (!end_of_head) return {};
    RawAnswer answer{.head = unread_.substr(0, *end_of_head)};
    unread_.erase(0, *end_of_head);
    const auto status = static_cast<unsigned>(std::stoul(answer.head.substr(9, 3)));
    const auto length_at = answer.head.find("Content-Length: ");
    if (with_body && length_at != std::string::npos) {
      const std::size_t length = std::stoul(answer.head.substr(length_at + 16));
      while (unread_.size() < length) {
        if (!receive()) return {};
      }
      answer.body = unread_.substr(0, length);
      unread_.erase(0, length);
    }
    answer.status = status;
    return answer;
  }

  /// Whether the server closes the connection, without further bytes and without a reset.
  bool ends() {
    while (receive()) {
    }
    return ended_ && unread_.empty();
  }
  /// Whether the server closes or resets the connection.
  bool ends_or_resets() {
    while (receive()) {
    }
    return ended_ || reset_;
  }
  /// Whether there is nothing to read, and the connection is open.
  bool is_quiet() const {
    pollfd poll_for{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&poll_for, 1, 0) == 0;
  }
  void end_sending() const { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  [[nodiscard]] int socket() const { return socket_; }

 private:
  std::optional<std::size_t> read_until(std::string_view mark) {
    for (;;) {
      const auto at = unread_.find(mark);
      if (at != std::string::npos) return at + mark.size();
      if (!receive()) return std::nullopt;
    }
  }
  bool receive() {
    pollfd poll_for{.fd = socket_, .events = POLLIN, .revents = 0};
    const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience);
    if (::poll(&poll_for, 1, static_cast<int>(patience.count())) != 1) return false;
    char bytes[16 * 1024];
    const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
    ended_ = got == 0;
    reset_ = got < 0;
    if (got > 0) unread_.append(bytes, static_cast<std::size_t>(got));
    return got > 0;
  }

  int socket_;
  std::string unread_;
  bool ended_ = false, reset_ = false;
};

}  // namespace receiver::test
