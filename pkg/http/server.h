#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <tl/expected.hpp>

#include "clock/clock.h"
#include "http/message.h"
#include "log/logger.h"

namespace receiver::http {

/// All limits of the server. A request beyond a limit is answered as described there, and counted
/// by limit.
struct ServerLimits {
  std::size_t header_bytes = 16 * 1024;  ///< request line and fields together; beyond: 431
  std::size_t header_fields =
      100;  ///< beyond: 431; many short fields need more memory than their bytes
  /// Beyond: 413. Checked with Content-Length before reading, and while reading.
  std::size_t body_bytes = 2 * 1024 * 1024;
  std::size_t bodies_bytes =
      32 * 1024 * 1024;  ///< bytes of all bodies held at the same time; beyond: 503
  std::size_t requests =
      2000;  ///< in flight, from the end of the header to the answer; beyond: 503
  std::size_t connections =
      2000;  ///< at the limit the longest idle one is closed for a new one; none idle: 503
  std::chrono::milliseconds handshake_time{10'000};  ///< then the connection is closed
  std::chrono::milliseconds header_time{10'000};     ///< from the first byte; then 408
  std::chrono::milliseconds body_time{10'000};  ///< from the first BodyReader::next(); then 408
  std::chrono::milliseconds idle_time{
      75'000};  ///< before a request's first byte; then the connection is closed
  std::chrono::milliseconds write_time{10'000};  ///< of one answer; then the connection is closed
  /// After an answer that ends a connection, the server reads and drops what the peer still sends,
  /// within these limits. Closing with unread bytes would reset the connection, and the peer might
  /// lose the answer.
  std::chrono::milliseconds linger_time{5'000};
  std::size_t linger_bytes = 16 * 1024 * 1024;
};

struct ServerTls {
  std::string certificate_path;  ///< PEM chain
  std::string key_path;          ///< PEM key, not encrypted
  /// How often the files are compared with the certificate in use.
  std::chrono::milliseconds reload_interval{1'000};
};

struct ServerOptions {
  std::string name{};  ///< for logs and metrics: "webhook", "metrics"
  /// An IP address, v4 or v6. `::` listens for both families, and for IPv4 alone on a machine
  /// without IPv6.
  std::string address = "::";
  unsigned short port = 0;  ///< 0: any free port
  ServerLimits limits{};
  /// Reloaded when the files change; if the new pair is invalid, the old one stays. Nothing: plain
  /// HTTP.
  std::optional<ServerTls> tls{};
};

/// Counts of the server, for metrics. All only grow, except those named `current`.
struct ServerCounters {
  std::atomic<std::int64_t> connections_current{0}, requests_current{0}, body_bytes_current{0};
  std::atomic<std::uint64_t> accepted{0}, requests{0}, accept_failures{0}, handler_failures{0};
  std::atomic<std::uint64_t> gave_way{0};  ///< idle connections closed to make room for new ones
  std::atomic<std::uint64_t> refused_header_bytes{0}, refused_header_time{0}, refused_body_bytes{0},
      refused_body_time{0}, refused_bodies_bytes{0}, refused_idle_time{0}, refused_requests{0},
      refused_connections{0}, refused_malformed{0};
  std::atomic<std::uint64_t> tls_handshake_failures{0}, tls_reloads{0}, tls_reload_failures{0};
};

enum class BodyError {
  kTooLarge,    ///< larger than ServerLimits::body_bytes
  kTooSlow,     ///< not complete within ServerLimits::body_time
  kNoRoom,      ///< ServerLimits::bodies_bytes is used up
  kMalformed,   ///< invalid chunk framing
  kPeerClosed,  ///< the peer closed the connection
};

/// The body of the current request, read on demand: if a handler answers without reading it, it is
/// never buffered.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  /// The next piece; empty at the end. The view is valid until the next call. The piece counts
  /// towards the budget for all bodies until the request is answered. The first call sends
  /// `100-continue` if expected.
  virtual boost::asio::awaitable<tl::expected<std::string_view, BodyError>> next() = 0;
};

/// Answers one request. Runs on the connection's strand, must not block, may suspend. An exception
/// becomes a 500 and a log line. If the handler does not read the body to its end, the server
/// closes the connection after the answer (lingering, so that the peer can read it).
using Handler = std::function<boost::asio::awaitable<Response>(const RequestHead&, BodyReader&)>;

/// The answer for a body that could not be read: 413, 408, 503, 400.
[[nodiscard]] Response answer_for(BodyError error, const ServerLimits& limits);

/// HTTP/1.1 server. One request at a time per connection (no pipelining); one strand per connection
/// on `io`, which any number of threads may run. Answers have `Content-Type: application/json`
/// unless the handler sets another.
class Server {
 public:
  Server(boost::asio::io_context& io, ServerOptions options, Handler handler, log::Logger logger);
  /// Closes the listener and every connection. Suspended handlers end later: what they refer to
  /// must live as long as `io`.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Binds, listens and begins to serve. Returns the port, or the error (address in use, unreadable
  /// certificate).
  [[nodiscard]] tl::expected<unsigned short, std::string> start();

  /// Closes the listener. Requests in flight finish, with `Connection: close` in their answers;
  /// idle connections are closed. Completes when the last connection is gone or at `deadline`, when
  /// the rest is closed. Call once.
  boost::asio::awaitable<void> drain(std::chrono::steady_clock::time_point deadline);

  [[nodiscard]] const ServerCounters& counters() const;
  /// When the certificate in use expires; nothing without TLS or before start(). Thread-safe.
  [[nodiscard]] std::optional<clock::Wall::time_point> certificate_expiry() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::http
