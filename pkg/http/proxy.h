#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "crypto/crypto.h"

namespace receiver::http {

/// A proxy to reach a server through: by a tunnel (CONNECT) where the server speaks TLS, so that
/// the proxy sees none of it, and else by asking the proxy to forward.
struct Proxy {
  bool tls = false;  ///< spoken to by TLS itself
  std::string host;  ///< name, IPv4 or IPv6 literal without brackets
  unsigned short port = 0;
  crypto::SecretString authorization{};  ///< value of Proxy-Authorization; empty: none
};

/// Of http://HOST, with USER:PASSWORD@ and :PORT (80, or 443 of https) where given. The error does
/// not quote the URL: it may hold a password.
[[nodiscard]] tl::expected<Proxy, std::string> parse_proxy(std::string_view url);

}  // namespace receiver::http
