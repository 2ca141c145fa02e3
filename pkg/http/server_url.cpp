#include "http/server_url.h"

#include <algorithm>

#include "http/request_text.h"
#include "text/ascii.h"

namespace receiver::http {
namespace {

using Failure = tl::unexpected<std::string>;

}  // namespace

std::string ServerUrl::origin() const {
  return scheme + "://" + host_field(scheme, host, port);
}

tl::expected<ServerUrl, std::string> parse_server_url(std::string_view url) {
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) {
    return Failure("must be a URL such as https://host:6443");
  }
  ServerUrl server{.scheme = text::ascii_lower(url.substr(0, scheme_end)), .host = {}};
  if (server.scheme != "http" && server.scheme != "https") {
    return Failure("must begin with https:// or http://");
  }
  server.port = server.scheme == "https" ? 443 : 80;
  std::string_view host = url.substr(scheme_end + 3);
  if (!std::ranges::all_of(host, text::is_visible)) {
    return Failure("must contain only visible ASCII characters");
  }
  const auto path = std::min(host.find_first_of("/?#"), host.size());
  server.path = host.substr(path);
  host = host.substr(0, path);
  if (const auto at = host.rfind('@'); at != std::string_view::npos) {
    server.user_info = host.substr(0, at);
    host.remove_prefix(at + 1);
  }

  std::string_view port;
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == std::string_view::npos) {
      return Failure("has an IPv6 address without its closing bracket");
    }
    port = host.substr(end + 1);
    host = host.substr(1, end - 1);
    if (!port.empty() && port.front() != ':') return Failure("has text after its IPv6 address");
  } else {
    const auto colon = std::min(host.find(':'), host.size());
    port = host.substr(colon);
    host = host.substr(0, colon);
    if (port.rfind(':') != port.find(':')) {
      return Failure("has an IPv6 address without brackets: write https://[::1]:6443");
    }
  }
  if (host.empty()) return Failure("has no host");
  if (host.find_first_of("[]") != std::string_view::npos) {
    return Failure("has brackets that do not enclose an IPv6 address");
  }
  server.host = host;
  if (port.empty()) return server;
  server.port = text::parse_number<unsigned short>(port.substr(1)).value_or(0);
  if (server.port == 0) return Failure("has a port that is not a number from 1 to 65535");
  return server;
}

}  // namespace receiver::http
