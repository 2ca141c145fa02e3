#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/types.h>
#include <tl/expected.hpp>

#include "http/client.h"
#include "http/stream.h"

struct bio_st;
struct ssl_session_st;

namespace receiver::http {

/// CAs, client certificate and the name to verify, ready for handshakes. Connections keep the
/// context that they began with. It remembers the last session, which the next connection resumes:
/// neither side then sends certificates.
class ClientTlsContext {
 public:
  /// Created from PEM texts; the error says which of them is wrong. `host` is verified unless `tls`
  /// names a server.
  [[nodiscard]] static tl::expected<std::shared_ptr<ClientTlsContext>, std::string> create(
      const ClientTls& tls, std::string_view host);
  ~ClientTlsContext();
  ClientTlsContext(const ClientTlsContext&) = delete;
  ClientTlsContext& operator=(const ClientTlsContext&) = delete;

  /// The client's side of a new TLS connection; null if memory is short.
  [[nodiscard]] TlsSession new_session(int socket) const;
  /// The same within an established TLS connection to a proxy.
  [[nodiscard]] TlsSession new_session_within(TlsSession outer) const;
  /// Why the handshake of `broken` was rejected; for people.
  [[nodiscard]] std::string refusal(const Stream& broken) const;

 private:
  ClientTlsContext(SSL_CTX* context, std::string server_name);

  static int keep_session(SSL* connection, ssl_session_st* session);
  [[nodiscard]] bool set_server_name(bool verify);
  [[nodiscard]] TlsSession new_session_over(bio_st* transport) const;

  SSL_CTX* context_;
  std::string server_name_;
  bool name_is_address_ = false;
  ssl_session_st* last_session_ = nullptr;
};

}  // namespace receiver::http
