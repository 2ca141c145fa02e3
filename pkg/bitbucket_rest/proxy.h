#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "crypto/crypto.h"

/// Which proxy leads to Bitbucket, by the environment, as Go's programs (kubectl, Kargo) read it.
/// Pure.
namespace receiver::bitbucket_rest {

/// An HTTP proxy that is asked to CONNECT.
struct Proxy {
  std::string host;  ///< with its port
  std::string user{};
  crypto::SecretString password{};
};

struct ProxySettings {
  std::optional<Proxy> proxy{};
  std::string exceptions{};  ///< NO_PROXY

  /// The proxy for a server, or none.
  [[nodiscard]] std::optional<Proxy> for_server(std::string_view host, unsigned short port) const;
};

/// By HTTPS_PROXY, else https_proxy, and NO_PROXY, else no_proxy; an empty variable is none. The
/// error is about a proxy that is no `http://[USER:PASSWORD@]HOST[:PORT]`, and does not repeat it.
[[nodiscard]] tl::expected<ProxySettings, std::string> proxy_settings(
    const std::function<std::optional<std::string>(std::string_view name)>& environment);

/// Whether NO_PROXY exempts the server. Its entries, between commas or blanks: a host, and the
/// hosts below it; `.suffix` or `*.suffix`, only those below it; an IP address or a CIDR range, for
/// a host that is an address; each but the range perhaps with a port; `*`, all. localhost and
/// loopback addresses are always exempt.
[[nodiscard]] bool goes_directly(std::string_view exceptions, std::string_view host,
                                 unsigned short port);

}  // namespace receiver::bitbucket_rest
