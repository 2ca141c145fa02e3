#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <openssl/types.h>

#include "http/tls_context.h"

namespace receiver::http {

/// A connection's bytes, plain or through TLS. Never waits: an operation that cannot proceed says
/// what to wait for on socket(), then it is called again. (Asio's TLS stream keeps 70 KiB of
/// buffers per connection; this one none while idle.)
class Stream {
 public:
  using Strand = boost::asio::strand<boost::asio::io_context::executor_type>;
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Strand>;

  /// `tls` null: plain.
  Stream(Socket socket, std::shared_ptr<const TlsContext> tls);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  enum class State { kDone, kWantRead, kWantWrite, kEnd, kBroken };
  struct Transfer {
    State state;
    std::size_t bytes = 0;  ///< more than 0 if kDone
  };

  [[nodiscard]] bool is_tls() const { return tls_ != nullptr; }
  /// kDone once, at the end of the TLS handshake; at once if plain.
  [[nodiscard]] State handshake();
  /// kEnd: the peer sends no more.
  [[nodiscard]] Transfer read(std::span<char> into);
  [[nodiscard]] Transfer write(std::string_view bytes);
  /// Received bytes may wait inside the TLS layer, where the socket does not show them.
  [[nodiscard]] bool may_hold_bytes() const;

  /// Says good-bye; the peer can read what was written, and then sees the end.
  void end_writing();
  /// Reads past TLS: for bytes that nobody will look at.
  [[nodiscard]] Transfer read_raw(std::span<char> into);
  /// Writes past TLS: for a peer that does not speak it.
  [[nodiscard]] Transfer write_raw(std::string_view bytes);
  /// The handshake failed because the peer speaks plain HTTP.
  [[nodiscard]] bool peer_spoke_http() const { return peer_spoke_http_; }

  /// Idempotent.
  void close();
  [[nodiscard]] Socket& socket() { return socket_; }

 private:
  [[nodiscard]] State tls_state(int result);

  Socket socket_;
  std::shared_ptr<const TlsContext> context_;
  struct SessionFree {
    void operator()(SSL* session) const;
  };
  std::unique_ptr<SSL, SessionFree> tls_;
  bool peer_spoke_http_ = false;
};

}  // namespace receiver::http
