#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "crypto/crypto.h"
#include "http/message.h"
#include "http/proxy.h"

namespace receiver::http {

struct ClientTls {
  std::string ca_pem{};           ///< empty: the system's CAs
  std::string certificate_pem{};  ///< client certificate chain; empty: none
  crypto::SecretString key_pem{};
  std::string server_name{};  ///< verified and sent as SNI; empty: the host of the URL
  bool insecure_skip_verify = false;
};

struct ClientOptions {
  std::string scheme = "https";  ///< https or http
  std::string host{};            ///< name, IPv4 or IPv6 literal without brackets
  unsigned short port = 443;
  ClientTls tls{};
  /// If the proxy uses TLS, its certificate is verified with the CAs of `tls`. It gets no client
  /// certificate.
  std::optional<Proxy> proxy{};
  std::size_t connections = 64;  ///< size of the pool; further requests wait in order
  std::size_t waiting = 10'000;  ///< requests waiting for the pool; further ones fail at once
  std::chrono::milliseconds connect_time{10'000};  ///< time to resolve, connect and shake hands
  std::chrono::milliseconds idle_time{
      90'000};  ///< pooled connections are closed after this idle time
  std::size_t body_bytes = 16 * 1024 * 1024;  ///< limit of an answer that is read completely
};

struct ClientError {
  enum class Kind {
    kConnect,   ///< no connection, or the request must not be sent: nothing was sent
    kTls,       ///< certificate or handshake rejected: the peer did nothing
    kTimeout,   ///< the deadline has passed; the peer may have acted
    kBroken,    ///< the connection was lost or the answer was malformed; the peer may have acted
    kTooLarge,  ///< the answer is larger than its limit
    kClosed,    ///< the client was closed
  };
  Kind kind;
  std::string message;  ///< for people; contains host and port, never headers or bodies
};

template <typename T>
using Result = tl::expected<T, ClientError>;

/// An answer whose body is delivered as it arrives. Destroying it before the end closes its
/// connection.
class ResponseStream {
 public:
  virtual ~ResponseStream() = default;
  [[nodiscard]] virtual unsigned status() const = 0;
  [[nodiscard]] virtual const Headers& headers() const = 0;
  /// The next piece (up to 16 KiB on pooled connections, 4 KiB on own ones), empty at the end of
  /// the body; kTimeout if none arrives within `idle`. The view is valid until the next call.
  virtual boost::asio::awaitable<Result<std::string_view>> next(std::chrono::milliseconds idle) = 0;
};

/// HTTP/1.1 client of one server. Keep-alive connections are pooled, and a pooled one is probed
/// before use. A request that fails on a reused connection before any byte of an answer is sent
/// once more on a new one; a request that is not idempotent must say so. Redirects are not
/// followed. All members run on the executor's single thread (or strand).
class Client {
 public:
  Client(boost::asio::any_io_executor executor, ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Sends, and reads the complete answer.
  boost::asio::awaitable<Result<Response>> send(Request request,
                                                std::chrono::steady_clock::time_point deadline);

  enum class Connection { kPooled, kOwn };
  /// Sends, and returns when the header of the answer has arrived. kOwn: a connection outside of
  /// the pool and its limit, with small buffers, for long watches.
  boost::asio::awaitable<Result<std::unique_ptr<ResponseStream>>> open(
      Request request, std::chrono::steady_clock::time_point deadline, Connection connection);

  /// New connections use these from now on; idle pooled ones are closed. For rotated CAs and client
  /// certificates.
  void set_tls(ClientTls tls);

  /// Closes every connection. Requests in flight and later ones end with kClosed. Idempotent.
  void close();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::http
