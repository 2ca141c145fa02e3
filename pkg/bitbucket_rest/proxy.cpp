#include "bitbucket_rest/proxy.h"

#include <algorithm>
#include <charconv>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include "git/url.h"
#include "text/percent.h"
#include "text/unicode.h"

namespace receiver::bitbucket_rest {
namespace {

namespace ip = boost::asio::ip;

std::optional<ip::address> address_of(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  boost::system::error_code error;
  const auto address = ip::make_address(text, error);
  if (error) return std::nullopt;
  return address;
}

std::optional<unsigned short> port_of(std::string_view digits) {
  unsigned short port = 0;
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, port);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return port;
}

/// Takes `:PORT` off the end; of an IPv6 address without brackets nothing.
std::optional<unsigned short> take_port(std::string_view& entry) {
  const std::size_t colon = entry.rfind(':');
  if (colon == std::string_view::npos || address_of(entry)) return std::nullopt;
  const auto port = port_of(entry.substr(colon + 1));
  if (port) entry = entry.substr(0, colon);
  return port;
}

/// Whether the address is in a range like 10.0.0.0/8; nothing if the text is no range.
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
  std::string text = first_of("HTTPS_PROXY", "https_proxy");
  if (text.empty()) return settings;
  if (text.find("://") == std::string::npos) text = "http://" + text;
  const auto url = git::Url::parse(text);
  std::string_view host = url ? std::string_view(url->host) : std::string_view();
  const auto port = take_port(host);
  if (!url || url->scheme != "http" || host.empty() || host.find(':') != std::string_view::npos) {
    return tl::unexpected(std::string(
        "HTTPS_PROXY names no proxy that can be used: expected http://HOST:PORT, perhaps with "
        "USER:PASSWORD@ before the host"));
  }
  Proxy proxy{.host = std::string(host) + ":" + std::to_string(port.value_or(80))};
  if (url->user) {
    const std::size_t colon = std::min(url->user->find(':'), url->user->size());
    proxy.user = text::percent_decode(url->user->substr(0, colon)).value_or("");
    proxy.password = crypto::SecretString(
        text::percent_decode(url->user->substr(std::min(colon + 1, url->user->size())))
            .value_or(""));
  }
  settings.proxy = std::move(proxy);
  return settings;
}

}  // namespace receiver::bitbucket_rest
