#include "git/repository.h"

#include <algorithm>
#include <optional>

#include "git/url.h"
#include "text/ascii.h"
#include "text/percent.h"
#include "text/unicode.h"

namespace receiver::git {
namespace {

constexpr std::size_t kMaxRedactedBytes = 256;

bool is_word(char character) {
  return text::is_alphanumeric(character) || character == '_' || character == '-';
}

std::size_t word_length(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::find_if_not(text, is_word) - text.begin());
}

struct ScpForm {
  std::string_view user_and_host;
  std::string_view path;
};

/// `[user@]host[:path]`, where user and host are words, the host's words separated by dots.
std::optional<ScpForm> parse_scp(std::string_view text) {
  std::size_t end = word_length(text);
  if (end == 0) return std::nullopt;
  if (end < text.size() && text[end] == '@') {
    const std::size_t host_word = word_length(text.substr(end + 1));
    if (host_word == 0) return std::nullopt;
    end += 1 + host_word;
  }
  while (end < text.size() && text[end] == '.') {
    const std::size_t word = word_length(text.substr(end + 1));
    if (word == 0) return std::nullopt;
    end += 1 + word;
  }
  if (end == text.size()) return ScpForm{text, {}};
  if (text[end] != ':') return std::nullopt;
  return ScpForm{text.substr(0, end), text.substr(end + 1)};
}

void trim_path(Url& url) {
  if (url.path.ends_with('/')) url.path.pop_back();
  if (url.path.ends_with(".git")) url.path.resize(url.path.size() - 4);
}

bool is_http(std::string_view text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

/// Nothing if Kargo returns its input unchanged.
std::optional<std::string> normal_form(std::string_view text) {
  const std::string clean = text::without_invisible(text::unicode_lower(text));
  if (is_http(clean) || clean.starts_with("ssh://")) {
    auto url = Url::parse(clean);
    if (!url || url->has_parameters()) return std::nullopt;
    if (is_http(clean)) url->user.reset();
    trim_path(*url);
    return url->to_string();
  }
  const auto scp = parse_scp(clean);
  if (!scp) return std::nullopt;
  auto path = Url::parse(scp->path);
  if (!path) return std::nullopt;
  trim_path(*path);
  std::string form = "ssh://" + std::string(scp->user_and_host);
  if (!path->path.empty()) form += '/' + path->to_string();
  return form;
}

/// A URL split at its separators, without checking the parts.
struct Pieces {
  std::string_view scheme;
  std::string_view user;
  std::string_view host;
  std::string_view port;  // with its colon
  std::string_view rest;  // from the first `/`, `?` or `#` on
};

std::optional<Pieces> split(std::string_view url) {
  Pieces pieces;
  const std::size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return std::nullopt;
  pieces.scheme = url.substr(0, scheme_end);
  url.remove_prefix(scheme_end + 3);
  std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  pieces.rest = url.substr(authority.size());
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    pieces.user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  const std::size_t colon = authority.rfind(':');
  const bool in_brackets =
      colon != std::string_view::npos && authority.find(']', colon) != std::string_view::npos;
  pieces.host = authority.substr(0, in_brackets ? std::string_view::npos : colon);
  pieces.port = authority.substr(pieces.host.size());
  return pieces;
}

}  // namespace

std::string normalize(std::string_view url) {
  if (url.size() > kMaxUrlBytes) return std::string(url);
  return normal_form(url).value_or(std::string(url));
}

std::string identity(std::string_view url) {
  // Depends only on the normal form and its length, so that equal normal forms have equal
  // identities.
  const std::string normal = normalize(url);
  if (normal.size() > kMaxUrlBytes) return {};
  const std::string lowered = text::unicode_lower(normal);
  const auto pieces = split(lowered);
  if (!pieces) return lowered.find('/') == std::string::npos ? std::string() : lowered;
  const bool http = pieces->scheme == "http" || pieces->scheme == "https";
  if (!http && pieces->scheme != "ssh") return lowered;

  std::string_view path = pieces->rest;
  // `git@host:/ws/repo` names the same repository as `git@host:ws/repo`.
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  if (pieces->host.empty() || path.empty()) return {};

  const bool cloud =
      pieces->host == "bitbucket.org" || (!http && pieces->host == "altssh.bitbucket.org");
  std::string key = cloud || http ? "" : "ssh:";
  key += cloud ? "bitbucket.org" : pieces->host;
  // Both default ports for both schemes: a proxy that redirects from one scheme to the other keeps
  // the port of the first.
  const bool default_port = pieces->port == ":80" || pieces->port == ":443" || pieces->port == ":";
  if (http && !default_port) key += pieces->port;
  key += '/';
  // A letter can be escaped in several ways, and escapes have letter case too.
  const auto decoded = text::percent_decode(path);
  key += decoded ? text::unicode_lower(*decoded) : path;
  return key;
}

std::string redacted(std::string_view url) {
  constexpr std::string_view kUnreadable = "(unreadable URL)";
  std::string text;
  if (const auto pieces = split(url)) {
    // What looks like host and port may be the start of a password that contains a `/`, `?` or `#`.
    const bool doubtful_port =
        pieces->port.size() > 1 && (!std::ranges::all_of(pieces->port.substr(1), text::is_digit) ||
                                    pieces->rest.find('@') != std::string_view::npos);
    if (doubtful_port) return std::string(kUnreadable);
    text.append(pieces->scheme).append("://").append(pieces->host).append(pieces->port);
    text += pieces->rest.substr(0, pieces->rest.find_first_of("?#"));
  } else {
    const std::string_view path = url.substr(0, url.find_first_of("?#"));
    const std::size_t at = path.rfind('@');
    if (at == std::string_view::npos && path.size() < url.size() &&
        url.find('@') != std::string_view::npos) {
      return std::string(kUnreadable);
    }
    text = path.substr(at == std::string_view::npos ? 0 : at + 1);
  }
  text = text::without_invisible(text);
  if (text.size() > kMaxRedactedBytes) {
    text.resize(text::cut(text, kMaxRedactedBytes).size());
    text += "…";
  }
  return text;
}

}  // namespace receiver::git
