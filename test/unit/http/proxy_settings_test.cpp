#include <map>
#include <vector>

#include <catch2/catch.hpp>

#include "http/proxy.h"

namespace receiver::http {
namespace {

tl::expected<ProxySettings, std::string> settings_of(
    const std::map<std::string, std::string, std::less<>>& variables) {
  return proxy_settings([&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

}  // namespace

TEST_CASE("NO_PROXY exempts what Go's and curl's readers of it do") {
  struct Row {
    const char* exceptions;
    const char* host;
    bool directly;
    unsigned short port = 443;
  };
  const std::vector<Row> rows{
      {"", "git.example.com", false},
      {"*", "git.example.com", true},
      {"git.example.com", "git.example.com", true},
      {"GIT.example.com", "git.Example.com", true},
      {"git.example.com", "other.example.com", false},
      {"example.com", "git.example.com", true},
      {"example.com", "notexample.com", false},
      {".example.com", "git.example.com", true},
      {".example.com", "example.com", false},
      {"*.example.com", "git.example.com", true},
      {"*.example.com", "example.com", false},
      {"example", "example.com", false},
      {"a.org, b.org,git.example.com", "git.example.com", true},
      {"a.org git.example.com", "git.example.com", true},
      {",, ,", "git.example.com", false},
      {"git.example.com:443", "git.example.com", true},
      {"git.example.com:8443", "git.example.com", false},
      {"git.example.com:8443", "git.example.com", true, 8443},
      {"example.com:443", "git.example.com", true},
      {"10.1.2.3", "10.1.2.3", true},
      {"10.1.2.3", "10.1.2.30", false},
      {"10.1.2.3:443", "10.1.2.3", true},
      {"10.1.2.3:444", "10.1.2.3", false},
      {"10.0.0.0/8", "10.1.2.3", true},
      {"10.1.2.3/8", "10.9.9.9", true},
      {"10.0.0.0/8", "11.1.2.3", false},
      {"10.0.0.0/8", "git.example.com", false},
      {"0.0.0.0/0", "git.example.com", false},
      {"fd00::/8", "fd12::1", true},
      {"fd00::/8", "[fd12::1]", true},
      {"fd00::/8", "fe80::1", false},
      {"fd12::1", "fd12:0::1", true},
      {"[fd12::1]:443", "fd12::1", true},
      {"[fd12::1]:444", "fd12::1", false},
      {"10.0.0.0/8", "fd12::1", false},
      {"nonsense/8", "nonsense", false},
      {"2.3", "10.1.2.3", false},
      {"", "localhost", true},
      {"", "127.0.0.1", true},
      {"", "[::1]", true},
  };
  for (const Row& row : rows) {
    INFO('"' << row.exceptions << "\" for " << row.host << ':' << row.port);
    CHECK(goes_directly(row.exceptions, row.host, row.port) == row.directly);
  }
}

TEST_CASE("the proxy to Bitbucket is what HTTPS_PROXY says, in either case of letters") {
  struct Row {
    std::map<std::string, std::string, std::less<>> variables;
    std::string host;  ///< empty: none
    std::string user{};
    std::string password{};
  };
  const std::vector<Row> rows{
      {{}, ""},
      {{{"HTTPS_PROXY", ""}}, ""},
      {{{"HTTP_PROXY", "http://proxy:3128"}}, ""},
      {{{"HTTPS_PROXY", "http://proxy:3128"}}, "proxy:3128"},
      {{{"https_proxy", "http://proxy:3128/"}}, "proxy:3128"},
      {{{"HTTPS_PROXY", "http://one:1"}, {"https_proxy", "http://two:2"}}, "one:1"},
      {{{"HTTPS_PROXY", ""}, {"https_proxy", "http://two:2"}}, "two:2"},
      {{{"HTTPS_PROXY", "proxy:3128"}}, "proxy:3128"},
      {{{"HTTPS_PROXY", "proxy.example.com"}}, "proxy.example.com:80"},
      {{{"HTTPS_PROXY", "http://me:p%40ss:word@proxy:3128"}}, "proxy:3128", "me", "p@ss:word"},
      {{{"HTTPS_PROXY", "http://me@proxy:3128"}}, "proxy:3128", "me", ""},
      {{{"HTTPS_PROXY", "http://proxy:3128"}, {"NO_PROXY", "example.com"}}, ""},
      {{{"HTTPS_PROXY", "http://proxy:3128"}, {"no_proxy", "example.com"}}, ""},
      {{{"HTTPS_PROXY", "http://proxy:3128"}, {"NO_PROXY", "other"}, {"no_proxy", "example.com"}},
       "proxy:3128"},
  };
  for (const Row& row : rows) {
    INFO((row.variables.empty() ? "nothing" : row.variables.begin()->second));
    const auto settings = settings_of(row.variables);
    REQUIRE(settings);
    const auto proxy = settings->for_server("git.example.com", 443);
    CHECK((proxy ? proxy->address() : "") == row.host);
    if (!proxy) continue;
    CHECK(proxy->user.value_or("") == row.user);
    CHECK(proxy->password.view() == row.password);
  }
}

TEST_CASE("a proxy that cannot be used is told, without its password") {
  for (const char* proxy : {"https://me:pass-word@proxy", "socks5://proxy:1080", "http://",
                            "http://me:pass-word@", "http://proxy:99999", "http://a b"}) {
    INFO(proxy);
    const auto settings = settings_of({{"HTTPS_PROXY", proxy}});
    REQUIRE_FALSE(settings);
    CHECK_THAT(settings.error(),
               Catch::StartsWith("HTTPS_PROXY names no proxy") && !Catch::Contains("pass-word"));
  }
}

}  // namespace receiver::http
