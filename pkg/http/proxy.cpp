#include "http/proxy.h"

#include <algorithm>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <fmt/format.h>

#include "http/request_text.h"
#include "http/server_url.h"
#include "text/ascii.h"
#include "text/percent.h"
#include "text/unicode.h"

namespace receiver::http {
namespace {

using Failure = tl::unexpected<std::string>;
namespace ip = boost::asio::ip;

std::optional<ip::address> address_of(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  boost::system::error_code error;
  const auto address = ip::make_address(text, error);
  if (error) return std::nullopt;
  return address;
}

/// Removes `:PORT` from the end; nothing from an IPv6 address without brackets.
std::optional<unsigned short> take_port(std::string_view& entry) {
  const std::size_t colon = entry.rfind(':');
  if (colon == std::string_view::npos || address_of(entry)) return std::nullopt;
  const auto port = text::parse_number<unsigned short>(entry.substr(colon + 1));
  if (port) entry = entry.substr(0, colon);
  return port;
}

/// Whether the address is in a range such as 10.0.0.0/8; nothing if the text is not a range.
std::optional<bool> is_in_range(std::string_view range, const std::optional<ip::address>& address) {
  if (range.find('/') == std::string_view::npos) return std::nullopt;
  boost::system::error_code error;
  if (const auto v4 = ip::make_network_v4(range, error); !error) {
    if (!address || !address->is_v4()) return false;
    return ip::make_network_v4(address->to_v4(), v4.prefix_length()).canonical() == v4.canonical();
  }
  if (const auto v6 = ip::make_network_v6(range, error); !error) {
    if (!address || !address->is_v6()) return false;
    return ip::make_network_v6(address->to_v6(), v6.prefix_length()).canonical() == v6.canonical();
  }
  return false;
}

bool is_exempt(std::string_view entry, const std::string& host, unsigned short port) {
  if (entry == "*") return true;
  const auto address = address_of(host);
  if (const auto in_range = is_in_range(entry, address)) return *in_range;
  const auto wanted_port = take_port(entry);
  if (wanted_port && *wanted_port != port) return false;
  if (const auto wanted = address_of(entry)) return address && *address == *wanted;
  if (address || entry.empty()) return false;
  if (entry.starts_with("*.")) entry.remove_prefix(1);
  if (!host.ends_with(entry)) return false;
  if (host.size() == entry.size()) return true;
  return entry.starts_with('.') || host[host.size() - entry.size() - 1] == '.';
}

}  // namespace

crypto::SecretString basic_authorization(std::string_view user, std::string_view password) {
  std::string credentials = fmt::format("{}:{}", user, password);
  std::string value = "Basic " + crypto::base64_encode(credentials);
  crypto::wipe(credentials);
  return crypto::SecretString(std::move(value));
}

std::string Proxy::address() const {
  return host_and_port(host, port);
}

crypto::SecretString Proxy::authorization() const {
  return user ? basic_authorization(*user, password.view()) : crypto::SecretString();
}

tl::expected<Proxy, std::string> parse_proxy(std::string_view url) {
  auto server = parse_server_url(url);
  if (!server) return Failure("a proxy's URL " + server.error());
  if (server->path.find_first_not_of('/') != std::string::npos) {
    return Failure("a proxy's URL must contain only scheme, user, host and port");
  }
  Proxy proxy{.tls = server->scheme == "https", .host = server->host, .port = server->port};
  if (!server->user_info) return proxy;
  const std::string_view info = *server->user_info;
  const auto colon = std::min(info.find(':'), info.size());
  proxy.user = text::percent_decode(info.substr(0, colon));
  auto password = text::percent_decode(info.substr(std::min(colon + 1, info.size())));
  if (!proxy.user || !password) {
    return Failure("a proxy's URL has a user or password with an invalid percent-encoding");
  }
  proxy.password = crypto::SecretString(std::move(*password));
  return proxy;
}

bool goes_directly(std::string_view exceptions, std::string_view host, unsigned short port) {
  std::string name = text::unicode_lower(host);
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  const auto address = address_of(name);
  if (name == "localhost" || (address && address->is_loopback())) return true;
  const std::string list = text::unicode_lower(exceptions);
  std::string_view rest = list;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of(", \t\n"), rest.size());
    if (is_exempt(rest.substr(0, end), name, port)) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

std::optional<Proxy> ProxySettings::for_server(std::string_view host, unsigned short port) const {
  if (!proxy || goes_directly(exceptions, host, port)) return std::nullopt;
  return proxy;
}

tl::expected<ProxySettings, std::string> proxy_settings(
    const std::function<std::optional<std::string>(std::string_view name)>& environment) {
  const auto first_of = [&](std::string_view name, std::string_view other) {
    const std::string value = environment(name).value_or("");
    return value.empty() ? environment(other).value_or("") : value;
  };
  ProxySettings settings{.proxy = {}, .exceptions = first_of("NO_PROXY", "no_proxy")};
  std::string url = first_of("HTTPS_PROXY", "https_proxy");
  if (url.empty()) return settings;
  if (url.find("://") == std::string::npos) url = "http://" + url;
  auto proxy = parse_proxy(url);
  if (!proxy || proxy->tls || proxy->host.find(':') != std::string::npos) {
    return Failure(
        "HTTPS_PROXY names no proxy that can be used: expected http://HOST:PORT, with an optional "
        "USER:PASSWORD@ before the host");
  }
  settings.proxy = std::move(*proxy);
  return settings;
}

}  // namespace receiver::http
