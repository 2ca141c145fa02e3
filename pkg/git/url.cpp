#include "git/url.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <arpa/inet.h>

#include "text/ascii.h"
#include "text/percent.h"

namespace receiver::git {
namespace {

enum class Part { kPath, kFragment, kHost, kUser };

bool is_one_of(char character, std::string_view set) {
  return set.find(character) != std::string_view::npos;
}

/// Whether Go leaves the character unescaped in this part of a URL.
bool is_plain(char character, Part part) {
  if (text::is_unreserved(character)) return true;
  switch (part) {
    case Part::kPath:
      return is_one_of(character, "$&+,/:;=@");
    case Part::kFragment:
      return is_one_of(character, "$&+,/:;=?@!()*");
    case Part::kHost:
      return is_one_of(character, "!$&'()*+,;=:[]<>\"");
    case Part::kUser:
      return is_one_of(character, "$&+,;=");
  }
  return false;
}

std::string escape(std::string_view text, Part part) {
  return text::percent_encode(text, [part](char character) { return is_plain(character, part); });
}

/// Whether Go keeps this path or fragment as written, instead of escaping its meaning again.
bool is_kept(std::string_view raw, Part part) {
  return std::ranges::all_of(raw, [part](char character) {
    return is_plain(character, part) || is_one_of(character, "!$&'()*+,;=:@[]%");
  });
}

std::pair<std::string_view, std::optional<std::string_view>> cut(std::string_view text,
                                                                 char separator) {
  const std::size_t at = text.find(separator);
  if (at == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, at), text.substr(at + 1)};
}

/// In a host, only bytes beyond ASCII (and the percent sign) may be escaped, and few other
/// characters are allowed.
std::optional<std::string> decode_host(std::string_view host) {
  for (std::size_t i = 0; i < host.size(); ++i) {
    const bool ascii = static_cast<unsigned char>(host[i]) < 0x80;
    if (host[i] == '%') {
      const bool beyond_ascii = i + 1 < host.size() && text::hex_value(host[i + 1]) >= 8;
      if (!beyond_ascii && host.substr(i, 3) != "%25") return std::nullopt;
    } else if (ascii && !is_plain(host[i], Part::kHost)) {
      return std::nullopt;
    }
  }
  return text::percent_decode(host);
}

/// Empty, or a colon and digits.
bool is_optional_port(std::string_view text) {
  return text.empty() ||
         (text.front() == ':' && std::ranges::all_of(text.substr(1), text::is_digit));
}

bool is_ipv6(const std::string& text) {
  std::array<unsigned char, 16> address{};
  return inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

/// `[address]`, `[address]:port`, `[address%25zone]`.
std::optional<std::string> parse_bracketed_host(std::string_view text) {
  const std::size_t close = text.rfind(']');
  if (close == std::string_view::npos) return std::nullopt;
  const std::string_view port = text.substr(close + 1);
  if (!is_optional_port(port)) return std::nullopt;

  const std::string_view name = text.substr(1, close - 1);
  const std::size_t zone_at = std::min(name.find("%25"), name.size());
  const auto address = decode_host(name.substr(0, zone_at));
  const auto zone = text::percent_decode(name.substr(zone_at));
  if (!address || !zone || *zone == "%" || !is_ipv6(*address)) return std::nullopt;
  return "[" + *address + *zone + "]" + std::string(port);
}

std::optional<std::string> parse_host(std::string_view scheme, std::string_view text) {
  const std::size_t bracket = text.rfind('[');
  if (bracket == 0) return parse_bracketed_host(text);
  if (bracket != std::string_view::npos) return std::nullopt;
  // For some database URLs, Go accepts several hosts with ports, but not for http and https.
  const bool strict = scheme == "http" || scheme == "https";
  const std::size_t colon = strict ? text.find(':') : text.rfind(':');
  if (colon != std::string_view::npos && !is_optional_port(text.substr(colon))) return std::nullopt;
  return decode_host(text);
}

/// The user info as Go writes it.
std::optional<std::string> parse_user(std::string_view text) {
  const bool valid = std::ranges::all_of(text, [](char character) {
    return text::is_alphanumeric(character) || is_one_of(character, "-._:~!$&'()*+,;=%@");
  });
  if (!valid) return std::nullopt;
  const auto [name_text, password_text] = cut(text, ':');
  const auto name = text::percent_decode(name_text);
  if (!name) return std::nullopt;
  std::string user = escape(*name, Part::kUser);
  if (password_text) {
    const auto password = text::percent_decode(*password_text);
    if (!password) return std::nullopt;
    user += ':' + escape(*password, Part::kUser);
  }
  return user;
}

/// The length of a leading `scheme:`, without its colon; zero if there is none; nothing for a colon
/// without a scheme.
std::optional<std::size_t> scheme_length(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char character = text[i];
    if (character == ':') return i == 0 ? std::nullopt : std::optional(i);
    if (text::is_letter(character)) continue;
    const bool inner = text::is_digit(character) || is_one_of(character, "+-.");
    if (!inner || i == 0) return 0;
  }
  return 0;
}

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](char character) {
    return static_cast<unsigned char>(character) < ' ' || character == 0x7F;
  });
}

}  // namespace

std::optional<Url> Url::parse(std::string_view text) {
  Url url;
  const auto [before_fragment, fragment] = cut(text, '#');
  if (has_control_character(before_fragment)) return std::nullopt;
  if (fragment && !text::percent_decode(*fragment)) return std::nullopt;
  url.raw_fragment = fragment.value_or("");

  const auto scheme_bytes = scheme_length(before_fragment);
  if (!scheme_bytes) return std::nullopt;
  url.scheme = before_fragment.substr(0, *scheme_bytes);
  auto [rest, query] = cut(before_fragment.substr(*scheme_bytes == 0 ? 0 : *scheme_bytes + 1), '?');
  if (query) url.raw_query = *query;

  if (!rest.starts_with('/')) {
    if (!url.scheme.empty()) {
      url.opaque = rest;
      return url;
    }
    if (is_one_of(':', rest.substr(0, rest.find('/')))) return std::nullopt;
  }

  if (rest.starts_with("//") && (!url.scheme.empty() || !rest.starts_with("///"))) {
    rest.remove_prefix(2);
    const std::string_view authority = rest.substr(0, rest.find('/'));
    rest.remove_prefix(authority.size());
    url.has_authority = true;
    const std::size_t at = authority.rfind('@');
    auto host =
        parse_host(url.scheme, at == std::string_view::npos ? authority : authority.substr(at + 1));
    if (!host) return std::nullopt;
    url.host = *std::move(host);
    if (at != std::string_view::npos) {
      url.user = parse_user(authority.substr(0, at));
      if (!url.user) return std::nullopt;
    }
  }

  auto path = text::percent_decode(rest);
  if (!path) return std::nullopt;
  url.path = *std::move(path);
  url.raw_path = rest;
  return url;
}

bool Url::has_parameters() const {
  std::optional<std::string_view> rest;
  if (raw_query) rest = *raw_query;
  while (rest) {
    const auto [parameter, next] = cut(*rest, '&');
    const auto [name, value] = cut(parameter, '=');
    const bool readable = !parameter.empty() && !is_one_of(';', parameter) &&
                          text::percent_decode(name) && text::percent_decode(value.value_or(""));
    if (readable) return true;
    rest = next;
  }
  return false;
}

std::string Url::to_string() const {
  std::string text;
  if (!scheme.empty()) text += scheme + ':';
  text += opaque;  // an opaque URL has no further parts
  const bool empty = host.empty() && path.empty() && !user;
  if (has_authority && !empty) text += "//";
  if (user) text += *user + '@';
  text += escape(host, Part::kHost);

  // The raw form is used only while it still means the path: the caller may have shortened that.
  const bool raw = is_kept(raw_path, Part::kPath) && text::percent_decode(raw_path) == path;
  const std::string escaped_path = raw ? raw_path : escape(path, Part::kPath);
  if (!escaped_path.starts_with('/') && !escaped_path.empty() && !host.empty()) text += '/';
  // A relative path with a colon in its first segment would look like a scheme.
  const std::string_view first_segment(escaped_path.data(),
                                       std::min(escaped_path.find('/'), escaped_path.size()));
  if (text.empty() && is_one_of(':', first_segment)) text += "./";
  text += escaped_path;
  if (raw_query) text += '?' + *raw_query;
  if (!raw_fragment.empty()) {
    text += '#';
    text += is_kept(raw_fragment, Part::kFragment)
                ? raw_fragment
                : escape(text::percent_decode(raw_fragment).value_or(""), Part::kFragment);
  }
  return text;
}

}  // namespace receiver::git
