#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "cmd/receiverctl/context.h"
#include "http/client.h"

/// One request to a server that is not the API server.
namespace receiver::ctl {

/// Scheme, host and port of an http(s) URL, and what follows them.
struct WebAddress {
  std::string scheme;
  std::string host;  ///< no brackets around IPv6
  unsigned short port = 443;
  std::string path;  ///< begins with a slash, or is empty

  /// `https://host:port`, without a default port.
  [[nodiscard]] std::string origin() const;
};

/// The failure does not hold the URL, which may be half a secret.
[[nodiscard]] Result<WebAddress> parse_web_address(std::string_view url);

struct WebAnswer {
  http::Response response;
  std::chrono::milliseconds took{};
};

/// Sends it over a connection of its own. `ca_pem`: the authorities to believe; empty: the
/// system's.
[[nodiscard]] http::Result<WebAnswer> ask(const WebAddress& address, http::Request request,
                                          const std::string& ca_pem,
                                          std::chrono::milliseconds patience);

}  // namespace receiver::ctl
