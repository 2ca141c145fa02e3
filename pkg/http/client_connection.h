#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <tl/expected.hpp>

#include "clock/timer.h"
#include "http/client.h"
#include "http/client_tls.h"
#include "http/response_parser.h"
#include "http/stream.h"

namespace receiver::http {

/// One connection of the client: one request at a time, then its answer event by event. While it
/// waits for an answer or is idle in the pool, it holds no buffers. Read bytes are wiped, because
/// they may have been a Secret. A caller that awaits one of its coroutines must keep the connection
/// alive.
class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  using Done = Result<void>;
  using Endpoint = boost::asio::ip::tcp::endpoint;
  using TimePoint = std::chrono::steady_clock::time_point;

  static constexpr std::size_t kPooledPieceBytes = 16 * 1024;
  static constexpr std::size_t kOwnPieceBytes = 4 * 1024;

  /// `peer` is host and port, for errors. If `tls` is null, the connection is plain.
  ClientConnection(const boost::asio::any_io_executor& executor, std::string peer,
                   std::shared_ptr<const ClientTlsContext> tls, Client::Connection kind);
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;
  ~ClientConnection();

  /// The route through a proxy.
  struct Tunnel {
    std::shared_ptr<const ClientTlsContext> tls;  ///< for the proxy; null: plain
    std::string request;  ///< opens the tunnel; empty: the proxy forwards requests
  };
  /// Tries the addresses (the proxy's, if there is one) in turn, each with a share of the remaining
  /// time; then the tunnel, then TLS.
  boost::asio::awaitable<Done> connect(std::vector<Endpoint> endpoints, TimePoint deadline,
                                       std::optional<Tunnel> tunnel);

  /// Sends a request, skips interim answers and returns when the answer's header has arrived.
  boost::asio::awaitable<Done> exchange(std::string_view text, bool is_head);
  /// After exchange(): kPiece or kEnd.
  boost::asio::awaitable<Result<ResponseParser::Step>> next_event();
  [[nodiscard]] ResponseParser& answer() { return *answer_; }

  /// From now on, an operation that is still running at this time ends with kTimeout.
  void expire_at(TimePoint deadline);
  void never_expire() { deadline_ = TimePoint::max(); }
  /// Ends the running operation. The first call decides the kind of error.
  void abort(ClientError::Kind kind);

  /// For an idle connection: the peer has neither closed it nor sent unexpected bytes.
  [[nodiscard]] bool is_usable();
  /// After kEnd: whether another request may follow.
  [[nodiscard]] bool can_be_kept() const;
  /// Call before it goes into the pool: frees what only a running request needs.
  void come_to_rest();
  /// Whether a byte of the current request's answer has arrived.
  [[nodiscard]] bool was_answered() const { return was_answered_; }
  [[nodiscard]] bool is_broken() const { return broken_by_.has_value(); }
  [[nodiscard]] const std::shared_ptr<const ClientTlsContext>& tls() const { return tls_; }

 private:
  boost::asio::awaitable<std::string> connect_to(
      Endpoint endpoint);  ///< returns an empty text, or the error
  /// Over the existing connection: plain, or through TLS to a proxy.
  boost::asio::awaitable<Done> handshake(std::shared_ptr<const ClientTlsContext> context);
  boost::asio::awaitable<Done> open_tunnel(Tunnel tunnel);
  boost::asio::awaitable<Done> write(std::string_view text);
  /// Reads once into the buffer; 0 at the end of the stream.
  boost::asio::awaitable<Result<std::size_t>> fill();
  boost::asio::awaitable<void> wait(Stream::State want);

  /// Makes room for a byte after the unread ones. False: not within the limits.
  [[nodiscard]] bool make_room();
  /// Moves the unread bytes to another buffer, and wipes the old one.
  void take_buffer(std::size_t capacity);
  void set_socket_options();
  void arm_timer();
  void on_timer();
  void close();
  [[nodiscard]] tl::unexpected<ClientError> failure(ClientError::Kind kind,
                                                    std::string_view what) const;
  [[nodiscard]] tl::unexpected<ClientError> why_broken() const;  ///< requires is_broken()

  boost::asio::ip::tcp::socket socket_;
  Stream stream_;  ///< over the socket
  clock::Timer timer_;
  TimePoint deadline_ = TimePoint::max();
  TimePoint timer_due_ =
      TimePoint::max();  ///< the timer fires late, instead of being set for every operation
  std::string peer_;
  std::shared_ptr<const ClientTlsContext> tls_;
  std::shared_ptr<const ClientTlsContext> proxy_tls_;  ///< the outer session reports tickets to it
  std::optional<ClientError::Kind> broken_by_;

  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;  ///< range of the unread bytes
  std::size_t end_ = 0;
  std::size_t used_ = 0;  ///< how far the buffer was ever filled
  std::optional<ResponseParser> answer_;
  const Client::Connection kind_;
  bool head_done_ = false;
  bool was_answered_ = false;
  unsigned reads_in_a_row_ = 0;
};

}  // namespace receiver::http
