#include "http/response_text.h"

#include <algorithm>
#include <iterator>

#include <boost/beast/http/status.hpp>
#include <fmt/format.h>

#include "text/ascii.h"

namespace receiver::http {

namespace {

bool is_framing(std::string_view name) {
  return text::equal_ignoring_case(name, "Content-Length") ||
         text::equal_ignoring_case(name, "Transfer-Encoding") ||
         text::equal_ignoring_case(name, "Connection");
}

/// A line end in a value would let its author write headers, or a second answer.
void append_on_one_line(std::string& text, std::string_view value) {
  std::transform(value.begin(), value.end(), std::back_inserter(text),
                 [](char c) { return c == '\r' || c == '\n' || c == '\0' ? ' ' : c; });
}

}  // namespace

std::string response_text(const Response& response, bool with_body, bool keep_alive) {
  const auto reason =
      boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(response.status));
  std::string text;
  text.reserve(256 + response.body.size());
  fmt::format_to(std::back_inserter(text), "HTTP/1.1 {} {}\r\n", response.status,
                 std::string_view(reason.data(), reason.size()));
  bool has_type = false;
  for (const auto& [name, value] : response.headers.fields()) {
    if (is_framing(name)) continue;
    has_type = has_type || text::equal_ignoring_case(name, "Content-Type");
    append_on_one_line(text, name);
    text += ": ";
    append_on_one_line(text, value);
    text += "\r\n";
  }
  if (!has_type) text += "Content-Type: application/json\r\n";
  if (!keep_alive) text += "Connection: close\r\n";
  fmt::format_to(std::back_inserter(text), "Content-Length: {}\r\n\r\n", response.body.size());
  if (with_body) text += response.body;
  return text;
}

Response error_response(unsigned status, std::string_view message) {
  Response response;
  response.status = status;
  response.body = fmt::format("{{\"error\":\"{}\"}}\n", message);
  return response;
}

Response overloaded_response() {
  Response response = error_response(503, "overloaded");
  response.headers.add("Retry-After", "1");
  return response;
}

}  // namespace receiver::http
