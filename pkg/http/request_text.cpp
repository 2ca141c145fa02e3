#include "http/request_text.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "text/ascii.h"

namespace receiver::http {
namespace {

using namespace std::string_view_literals;

bool is_token(std::string_view text) {
  constexpr std::string_view kPunctuation = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return text::is_alphanumeric(c) || kPunctuation.find(c) != std::string_view::npos;
  });
}

bool is_target(std::string_view text) {
  return text.starts_with('/') && text::is_one_word(text);
}

std::optional<std::string> problem_of(const Request& request) {
  constexpr std::array kOwnFields{"Host"sv, "Connection"sv, "Content-Length"sv,
                                  "Transfer-Encoding"sv};
  if (!is_token(request.method)) return "the method is not a token";
  if (!is_target(request.target)) {
    return "the target does not begin with a slash, or contains blanks, control or non-ASCII "
           "characters that must be percent-encoded";
  }
  for (const auto& [name, value] : request.headers.fields()) {
    if (!is_token(name)) return "the name of a header field is not a token";
    if (value.find_first_of("\r\n\0"sv) != std::string::npos) {
      return fmt::format("header field {} contains a line break or NUL", name);
    }
  }
  for (const std::string_view own : kOwnFields) {
    if (request.headers.find(own)) {
      return fmt::format("header field {} is set by the client itself", own);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string url_host(std::string_view host) {
  if (host.find(':') == std::string_view::npos) return std::string(host);
  return fmt::format("[{}]", host.substr(0, host.find('%')));
}

std::string host_and_port(std::string_view host, unsigned short port) {
  return fmt::format("{}:{}", url_host(host), port);
}

std::string host_field(std::string_view scheme, std::string_view host, unsigned short port) {
  const unsigned short usual = scheme == "https" ? 443 : 80;
  return port == usual ? url_host(host) : host_and_port(host, port);
}

tl::expected<std::string, std::string> request_text(const Request& request, std::string_view host) {
  if (auto problem = problem_of(request)) {
    return tl::unexpected("the request was not sent: " + *problem);
  }
  std::string text;
  std::size_t size = request.target.size() + request.body.size() + 128;
  for (const auto& [name, value] : request.headers.fields()) size += name.size() + value.size() + 4;
  text.reserve(size);
  text.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\nHost: ");
  text.append(host).append("\r\n");
  for (const auto& [name, value] : request.headers.fields()) {
    text.append(name).append(": ").append(value).append("\r\n");
  }
  const bool expects_body =
      request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (expects_body || !request.body.empty()) {
    text.append("Content-Length: ").append(std::to_string(request.body.size())).append("\r\n");
  }
  return text.append("\r\n").append(request.body);
}

}  // namespace receiver::http
