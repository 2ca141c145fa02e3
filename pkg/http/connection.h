#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>

#include "async/kept_alive.h"
#include "clock/clock.h"
#include "http/connection_table.h"
#include "http/request_parser.h"
#include "http/server.h"
#include "http/server_tls.h"
#include "http/stream.h"
#include "log/log_throttle.h"

namespace receiver::http {

/// State that the connections of one server share. Thread-safe.
struct ServerContext {
  ServerContext(ServerOptions server_options, Handler request_handler, log::Logger server_logger)
      : options(std::move(server_options)),
        handler(std::move(request_handler)),
        logger(std::move(server_logger)),
        connections(options.limits.connections) {}

  const ServerOptions options;
  const Handler handler;
  const log::Logger logger;
  ServerCounters counters;
  ConnectionTable connections;
  std::atomic<bool> draining{false};
  log::LogThrottle handler_failures, accept_failures;
};

/// One connection of a server, from the handshake to the end, on the strand of its socket.
class Connection : public std::enable_shared_from_this<Connection>, private BodyReader {
 public:
  using Strand = boost::asio::strand<boost::asio::io_context::executor_type>;
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Strand>;

  /// `tls` null: plain.
  Connection(std::shared_ptr<ServerContext> context, Socket socket,
             const std::shared_ptr<const ServerTlsContext>& tls,
             ConnectionTable::Admission admission);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Serves until the connection ends.
  boost::asio::awaitable<void> run(async::KeptAlive);

  // For the connection table, from any thread:

  /// When the current wait ends; the maximum time if there is none.
  [[nodiscard]] clock::Steady::time_point deadline() const;
  /// Since when it has waited for a request; nothing while it serves one.
  [[nodiscard]] std::optional<clock::Steady::time_point> idle_since() const;
  /// Either this call or the first byte of a request wins. True: no further request will be served;
  /// call cut().
  [[nodiscard]] bool claim_idle();
  /// Ends a wait whose deadline has passed.
  void wake();
  /// Closes the socket.
  void cut();

 private:
  using TimePoint = clock::Steady::time_point;
  enum class Waited { kReady, kDeadline, kClosed };
  enum class HeadRead { kComplete, kRefused, kTooSlow, kClosed };

  // The steps of a connection, in order. False: the connection ends.
  boost::asio::awaitable<bool> handshake();
  boost::asio::awaitable<bool> await_request();
  boost::asio::awaitable<bool> serve_request();
  boost::asio::awaitable<HeadRead> read_head();
  /// The answer to a request that no handler will see; nothing if a handler will see it.
  [[nodiscard]] std::optional<Response> refuse_request(HeadRead read);
  boost::asio::awaitable<Response> call_handler();
  boost::asio::awaitable<bool> answer(const Response& response);
  boost::asio::awaitable<void> linger();

  boost::asio::awaitable<tl::expected<std::string_view, BodyError>> next() override;

  boost::asio::awaitable<Waited> wait(Stream::State wanted, TimePoint deadline);
  boost::asio::awaitable<Waited> read_more(TimePoint deadline);
  boost::asio::awaitable<bool> write(std::string_view text);
  /// Half-closes: the peer can read everything that was written, and then sees the end.
  void end_writing();

  [[nodiscard]] TimePoint after(TimePoint start, std::chrono::milliseconds time) const;
  [[nodiscard]] bool become_idle(TimePoint now);
  [[nodiscard]] bool leave_idle();
  [[nodiscard]] bool charge_body(std::size_t bytes);
  tl::unexpected<BodyError> refuse_body(BodyError error);
  /// The answer to a request for which there is no room; nothing if there is room.
  [[nodiscard]] std::optional<Response> begin_request();
  void end_request();

  // Values of idle_ that are not times.
  static constexpr std::int64_t kBusy = -1;
  static constexpr std::int64_t kClaimed = -2;
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  const std::shared_ptr<ServerContext> context_;
  const ServerLimits& limits_;
  const ConnectionTable::Admission admission_;
  Socket socket_;
  Stream stream_;  ///< over the socket
  RequestParser parser_;
  std::atomic<std::int64_t> deadline_{kNever};
  std::atomic<std::int64_t> idle_{kBusy};

  // State of the request being served.
  bool in_request_ = false;
  bool sent_continue_ = false;
  std::optional<TimePoint> body_deadline_;  ///< set by the first next()
  std::optional<BodyError> body_error_;     ///< every later next() returns the same
  std::size_t body_bytes_ = 0;              ///< charged to the budget
};

}  // namespace receiver::http
