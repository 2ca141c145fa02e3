#include "http/proxy.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace receiver::http {
namespace {

using Failure = tl::unexpected<std::string>;

/// Without its percent-encoding; nothing if that is malformed.
std::optional<std::string> decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    unsigned char byte = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || failure != std::errc() || end != digits.data() + 2) {
      return std::nullopt;
    }
    result += static_cast<char>(byte);
    i += 2;
  }
  return result;
}

std::optional<crypto::SecretString> basic_authorization(std::string_view user_info) {
  const auto colon = std::min(user_info.find(':'), user_info.size());
  const auto user = decoded(user_info.substr(0, colon));
  const auto password = decoded(user_info.substr(std::min(colon + 1, user_info.size())));
  if (!user || !password) return std::nullopt;
  return crypto::SecretString("Basic " + crypto::base64_encode(*user + ":" + *password));
}

}  // namespace

tl::expected<Proxy, std::string> parse_proxy(std::string_view url) {
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) {
    return Failure("a proxy must be a URL such as http://proxy:3128");
  }
  std::string scheme(url.substr(0, scheme_end));
  std::ranges::transform(scheme, scheme.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  if (scheme != "http" && scheme != "https") {
    return Failure("a proxy's URL must begin with http:// or https://: others are not supported");
  }
  Proxy proxy;
  proxy.tls = scheme == "https";
  proxy.port = proxy.tls ? 443 : 80;
  std::string_view authority = url.substr(scheme_end + 3);
  const auto path = std::min(authority.find('/'), authority.size());
  if (authority.substr(path).find_first_not_of('/') != std::string_view::npos ||
      std::ranges::any_of(authority, [](char c) { return c <= ' ' || c == '\x7f'; }) ||
      authority.find_first_of("?#") != std::string_view::npos) {
    return Failure("a proxy's URL must hold nothing but scheme, user, host and port");
  }
  authority = authority.substr(0, path);
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    auto authorization = basic_authorization(authority.substr(0, at));
    if (!authorization) {
      return Failure("a proxy's URL has a user or password with a damaged percent-encoding");
    }
    proxy.authorization = std::move(*authorization);
    authority.remove_prefix(at + 1);
  }
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return Failure("a proxy's URL lacks a closing bracket");
    proxy.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
  } else {
    const auto colon = std::min(authority.find(':'), authority.size());
    proxy.host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  if (proxy.host.empty()) return Failure("a proxy's URL names no host");
  if (!port.empty()) {
    const std::string_view digits = port.substr(1);
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), proxy.port);
    if (port.front() != ':' || failure != std::errc() || end != digits.data() + digits.size() ||
        proxy.port == 0) {
      return Failure("a proxy's URL has a port that is no number from 1 to 65535");
    }
  }
  return proxy;
}

}  // namespace receiver::http
