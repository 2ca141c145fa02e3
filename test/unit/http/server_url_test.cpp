#include "http/server_url.h"

#include <catch2/catch.hpp>

namespace receiver::http {

TEST_CASE("a server's URL is taken apart") {
  struct Row {
    const char* url;
    const char* scheme;
    std::optional<std::string> user_info;
    const char* host;
    unsigned short port;
    const char* path;
    const char* origin;
  };
  const auto row = GENERATE(values<Row>({
      {"https://h", "https", std::nullopt, "h", 443, "", "https://h"},
      {"HTTP://H/a?b#c", "http", std::nullopt, "H", 80, "/a?b#c", "http://H"},
      {"https://h:8443?b", "https", std::nullopt, "h", 8443, "?b", "https://h:8443"},
      {"http://h:443#c", "http", std::nullopt, "h", 443, "#c", "http://h:443"},
      {"https://[::1]/", "https", std::nullopt, "::1", 443, "/", "https://[::1]"},
      {"http://[fd00::1]:8080", "http", std::nullopt, "fd00::1", 8080, "", "http://[fd00::1]:8080"},
      {"https://@h", "https", "", "h", 443, "", "https://h"},
      {"https://a:b@c@h:1/d@e", "https", "a:b@c", "h", 1, "/d@e", "https://h:1"},
  }));
  CAPTURE(row.url);
  const auto server = parse_server_url(row.url);
  REQUIRE(server);
  CHECK(server->scheme == row.scheme);
  CHECK(server->user_info == row.user_info);
  CHECK(server->host == row.host);
  CHECK(server->port == row.port);
  CHECK(server->path == row.path);
  CHECK(server->origin() == row.origin);
}

TEST_CASE("what is no server's URL is refused, and not quoted") {
  for (const char* url : {"",
                          "s3",
                          "s3:80",
                          "//s3",
                          "://s3",
                          "ftp://s3",
                          "http://",
                          "http:///s3",
                          "http://s3@",
                          "http://:80",
                          "http://s3:",
                          "http://s3:0",
                          "http://s3:65536",
                          "http://s3:8o",
                          "http://s 3",
                          "http://s3\n",
                          "http://s\u00e43",
                          "http://[s3",
                          "http://[s3]x",
                          "http://s3]",
                          "http://s[3",
                          "http://[[s3]",
                          "http://s3::1",
                          "http://[]"}) {
    CAPTURE(url);
    const auto server = parse_server_url(url);
    REQUIRE_FALSE(server);
    CHECK_THAT(server.error(), !Catch::Contains("s3"));
  }
}

}  // namespace receiver::http
