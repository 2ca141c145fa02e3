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

/// The bytes of a connected socket, plain or through TLS; the socket stays its owner's. Never
/// waits: an operation that cannot proceed says what to wait for on the socket, then it is called
/// again. Holds no buffers while idle. (Asio's TLS stream keeps 70 KiB of them per connection.)
class Stream {
 public:
  /// Of no socket: whatever is asked of it is kBroken.
  Stream() = default;
  /// `tls`, a session over the socket, null: plain.
  explicit Stream(int socket, TlsSession tls = nullptr);

  enum class State { kDone, kWantRead, kWantWrite, kEnd, kBroken };
  struct Transfer {
    State state;
    std::size_t bytes = 0;  ///< more than 0 if kDone
  };

  [[nodiscard]] bool is_tls() const { return session_ != nullptr; }
  /// kDone once, at the end of the TLS handshake; at once if plain.
  [[nodiscard]] State handshake();
  /// kEnd: the peer sends no more.
  [[nodiscard]] Transfer read(std::span<char> into);
  [[nodiscard]] Transfer write(std::string_view bytes);
  /// Received bytes may wait inside the TLS layer, where the socket does not show them.
  [[nodiscard]] bool may_hold_bytes() const;
  /// The peer has neither ended it nor sent anything but what belongs to TLS itself.
  [[nodiscard]] bool is_silent();
  /// Tells the peer, as far as that goes without waiting, that nothing follows.
  void say_goodbye();

  /// Reads past TLS: for bytes that nobody will look at.
  [[nodiscard]] Transfer read_raw(std::span<char> into);
  /// Writes past TLS: for a peer that does not speak it.
  [[nodiscard]] Transfer write_raw(std::string_view bytes);

  // After kBroken:

  /// In words.
  [[nodiscard]] std::string problem() const;
  /// The handshake failed because the peer speaks plain HTTP.
  [[nodiscard]] bool peer_spoke_http() const;
  /// The peer refused (by an alert) what we showed it.
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
