#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>

#include <openssl/types.h>

namespace receiver::http {

struct TlsSessionFree {
  void operator()(SSL* session) const;
};
using TlsSession = std::unique_ptr<SSL, TlsSessionFree>;

/// The bytes of a connected socket, plain or through TLS; the caller owns the socket. Never waits:
/// an operation that cannot proceed returns what to wait for on the socket, and is called again
/// afterwards. Holds no buffers while idle. (Asio's TLS stream keeps 70 KiB per connection.)
class Stream {
 public:
  /// Without a socket: every operation returns kBroken.
  Stream() = default;
  /// `tls` is a session over the socket; null: plain.
  explicit Stream(int socket, TlsSession tls = nullptr);

  enum class State { kDone, kWantRead, kWantWrite, kEnd, kBroken };
  struct Transfer {
    State state;
    std::size_t bytes = 0;  ///< greater than 0 if kDone
  };

  [[nodiscard]] bool is_tls() const { return session_ != nullptr; }
  /// kDone once, at the end of the TLS handshake; immediately if plain.
  [[nodiscard]] State handshake();
  /// kEnd: the peer sends no more.
  [[nodiscard]] Transfer read(std::span<char> into);
  [[nodiscard]] Transfer write(std::string_view bytes);
  /// Whether received bytes may wait inside the TLS layer, where the socket does not show them.
  [[nodiscard]] bool may_hold_bytes() const;
  /// Whether the peer has neither ended the connection nor sent anything except TLS's own messages.
  [[nodiscard]] bool is_silent();
  /// Tells the peer that nothing follows, if that is possible without waiting.
  void say_goodbye();

  /// Reads without TLS: for bytes that are dropped.
  [[nodiscard]] Transfer read_raw(std::span<char> into);
  /// Writes without TLS: for a peer that does not use it.
  [[nodiscard]] Transfer write_raw(std::string_view bytes);

  // After kBroken:

  /// The error in words.
  [[nodiscard]] std::string problem() const;
  /// The handshake failed because the peer uses plain HTTP.
  [[nodiscard]] bool peer_spoke_http() const;
  /// The peer rejected (with an alert) what we sent.
  [[nodiscard]] bool peer_sent_alert() const;

  [[nodiscard]] const SSL* session() const { return session_.get(); }
  /// For a session within this one.
  [[nodiscard]] TlsSession take_session() { return std::move(session_); }

 private:
  [[nodiscard]] State tls_state(int result);
  [[nodiscard]] Transfer tls_transfer(int result, std::size_t bytes);
  [[nodiscard]] Transfer raw_transfer(ssize_t result, State want);

  int socket_ = -1;
  TlsSession session_;
  int system_error_ = 0;
  unsigned long tls_error_ = 0;
};

}  // namespace receiver::http
