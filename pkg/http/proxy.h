#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "crypto/crypto.h"

namespace receiver::http {

/// A proxy for a server. If the server uses TLS, through a tunnel (CONNECT), so that the proxy sees
/// none of it; else by forwarding.
struct Proxy {
  bool tls = false;  ///< the proxy itself uses TLS
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

/// Parses http://HOST with optional USER:PASSWORD@ and :PORT (default 80, or 443 for https). The
/// error does not quote the URL: it may contain a password.
[[nodiscard]] tl::expected<Proxy, std::string> parse_proxy(std::string_view url);

/// Whether NO_PROXY exempts the server. Its entries, separated by commas or blanks: a host, and all
/// hosts below it; `.suffix` or `*.suffix`, only hosts below it; an IP address or a CIDR range, for
/// a host that is an address; each except the range optionally with a port; `*`, all. localhost and
/// loopback addresses are always exempt.
[[nodiscard]] bool goes_directly(std::string_view exceptions, std::string_view host,
                                 unsigned short port);

/// The proxy settings of the environment, as Go's programs (kubectl, Kargo) read them.
struct ProxySettings {
  std::optional<Proxy> proxy{};
  std::string exceptions{};  ///< NO_PROXY

  /// The proxy for a server, or none.
  [[nodiscard]] std::optional<Proxy> for_server(std::string_view host, unsigned short port) const;
};

/// Reads HTTPS_PROXY, else https_proxy, and NO_PROXY, else no_proxy; an empty variable counts as
/// absent. The error is about a proxy that is not `http://[USER:PASSWORD@]HOST[:PORT]` with a host
/// name or an IPv4 address, as cpprestsdk needs it, and does not quote it.
[[nodiscard]] tl::expected<ProxySettings, std::string> proxy_settings(
    const std::function<std::optional<std::string>(std::string_view name)>& environment);

}  // namespace receiver::http
