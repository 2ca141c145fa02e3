#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/types.h>
#include <tl/expected.hpp>

#include "clock/clock.h"
#include "http/server.h"
#include "http/stream.h"

namespace receiver::http {

/// A certificate with its key, ready for handshakes. Immutable; connections keep the one that they
/// began with.
class ServerTlsContext {
 public:
  /// Created from PEM; the error names the file of `files` that is wrong.
  [[nodiscard]] static tl::expected<std::shared_ptr<const ServerTlsContext>, std::string> from_pem(
      std::string_view certificate_chain, std::string_view key, const ServerTls& files);

  ~ServerTlsContext();
  ServerTlsContext(const ServerTlsContext&) = delete;
  ServerTlsContext& operator=(const ServerTlsContext&) = delete;

  /// The server's side of a new TLS connection over a non-blocking socket; null if memory is short.
  [[nodiscard]] TlsSession new_session(int socket) const;
  [[nodiscard]] clock::Wall::time_point expiry() const { return expiry_; }

 private:
  explicit ServerTlsContext(SSL_CTX* context) : context_(context) {}

  SSL_CTX* context_;
  clock::Wall::time_point expiry_;
};

/// Detects when the files of a TLS server change, in place or because a symbolic link points
/// elsewhere (as Kubernetes updates mounted Secrets). It compares contents, not times.
class ServerTlsFiles {
 public:
  explicit ServerTlsFiles(ServerTls files) : files_(std::move(files)) {}

  using Loaded = tl::expected<std::shared_ptr<const ServerTlsContext>, std::string>;
  /// Nothing if the contents are those of the last call; else a new context, or the error.
  [[nodiscard]] std::optional<Loaded> poll();

 private:
  ServerTls files_;
  std::string seen_;  ///< digest of what the last call read
};

}  // namespace receiver::http
