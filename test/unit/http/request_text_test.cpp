#include "http/request_text.h"

#include <catch2/catch.hpp>

namespace receiver::http {

namespace {

Request request_of(std::string method, std::string target, Headers headers = {},
                   std::string body = {}) {
  return {std::move(method), std::move(target), std::move(headers), std::move(body)};
}

}  // namespace

using namespace std::string_literals;

TEST_CASE("the Host field has brackets around IPv6 and the port unless it is the scheme's own") {
  struct Case {
    std::string scheme, host;
    unsigned short port;
    std::string field;
  };
  const Case test = GENERATE(values<Case>({
      {"https", "api.example", 443, "api.example"},
      {"https", "api.example", 6443, "api.example:6443"},
      {"http", "api.example", 80, "api.example"},
      {"http", "api.example", 443, "api.example:443"},
      {"https", "10.0.0.1", 443, "10.0.0.1"},
      {"https", "fd00::1", 443, "[fd00::1]"},
      {"https", "fd00::1", 6443, "[fd00::1]:6443"},
      {"http", "fe80::1%eth0", 8080, "[fe80::1]:8080"},
  }));
  CHECK(host_field(test.scheme, test.host, test.port) == test.field);
}

TEST_CASE("a request is one piece of text, its body's length stated where a body is expected") {
  CHECK(*request_text(request_of("GET", "/a?b=c", {{"Accept", "x/y"}}), "h") ==
        "GET /a?b=c HTTP/1.1\r\nHost: h\r\nAccept: x/y\r\n\r\n");
  CHECK(*request_text(request_of("PATCH", "/a", {}, "{}"), "h:1") ==
        "PATCH /a HTTP/1.1\r\nHost: h:1\r\nContent-Length: 2\r\n\r\n{}");
  CHECK(*request_text(request_of("POST", "/a"), "h") ==
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  CHECK(*request_text(request_of("DELETE", "/a", {}, "x"), "h") ==
        "DELETE /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
}

TEST_CASE("what would change the shape of a request is refused, and its value not repeated") {
  const Request request = GENERATE(values<Request>({
      request_of("GET", ""),
      request_of("GET", "a"),
      request_of("GET", "/a b"),
      request_of("GET", "/a\r\nX: secret"),
      request_of("GET", "/a\0"s),
      request_of("GET", "/\xc3\xa4"),
      request_of("", "/"),
      request_of("GET /x HTTP/1.1\r\n", "/"),
      request_of("GET", "/", {{"X", "secret\r\nY: 1"}}),
      request_of("GET", "/", {{"X", "secret\n"}}),
      request_of("GET", "/", {{"X", "secret\r"}}),
      request_of("GET", "/", {{"X", "secret\0"s}}),
      request_of("GET", "/", {{"X: secret", ""}}),
      request_of("GET", "/", {{"X\r\nY", ""}}),
      request_of("GET", "/", {{"", "secret"}}),
      request_of("GET", "/", {{"host", "secret"}}),
      request_of("GET", "/", {{"Connection", "close"}}),
      request_of("GET", "/", {{"content-length", "7"}}),
      request_of("GET", "/", {{"Transfer-Encoding", "chunked"}}),
  }));
  const auto text = request_text(request, "h");
  REQUIRE_FALSE(text);
  CHECK(text.error().find("the request was not sent") == 0);
  CHECK(text.error().find("secret") == std::string::npos);
}

TEST_CASE("tabs and bytes above ASCII are legal in header values") {
  CHECK(request_text(request_of("GET", "/", {{"X", "a\tb \xc3\xa4"}}), "h"));
}

}  // namespace receiver::http
