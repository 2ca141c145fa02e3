#pragma once

#include <functional>
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
  std::optional<std::string> user{};
  crypto::SecretString password{};

  /// `host:port`, for people and for a CONNECT.
  [[nodiscard]] std::string address() const;
  /// The value of Proxy-Authorization; empty: none.
  [[nodiscard]] crypto::SecretString authorization() const;
};

/// The value of an Authorization header.
[[nodiscard]] crypto::SecretString basic_authorization(std::string_view user,
                                                       std::string_view password);

/// Of http://HOST, with USER:PASSWORD@ and :PORT (80, or 443 of https) where given. The error does
/// not quote the URL: it may hold a password.
[[nodiscard]] tl::expected<Proxy, std::string> parse_proxy(std::string_view url);

/// Whether NO_PROXY exempts the server. Its entries, between commas or blanks: a host, and the
/// hosts below it; `.suffix` or `*.suffix`, only those below it; an IP address or a CIDR range, for
/// a host that is an address; each but the range perhaps with a port; `*`, all. localhost and
/// loopback addresses are always exempt.
[[nodiscard]] bool goes_directly(std::string_view exceptions, std::string_view host,
                                 unsigned short port);

/// What the environment says, as Go's programs (kubectl, Kargo) read it.
struct ProxySettings {
  std::optional<Proxy> proxy{};
  std::string exceptions{};  ///< NO_PROXY

  /// The proxy for a server, or none.
  [[nodiscard]] std::optional<Proxy> for_server(std::string_view host, unsigned short port) const;
};

/// By HTTPS_PROXY, else https_proxy, and NO_PROXY, else no_proxy; an empty variable is none. The
/// error is about a proxy that is no `http://[USER:PASSWORD@]HOST[:PORT]` with a host name or an
/// IPv4 address, as cpprestsdk wants it, and does not repeat it.
[[nodiscard]] tl::expected<ProxySettings, std::string> proxy_settings(
    const std::function<std::optional<std::string>(std::string_view name)>& environment);

}  // namespace receiver::http
