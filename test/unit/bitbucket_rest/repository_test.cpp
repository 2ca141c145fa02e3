#include "bitbucket_rest/repository.h"

#include <catch2/catch.hpp>

namespace receiver::bitbucket_rest {
namespace {

using bitbucket::Source;

struct Case {
  std::string url;
  std::string server;
  std::string name;
};

std::string server_error(const std::string& url) {
  const auto server = parse_server(url);
  return server ? "" : server.error();
}

}  // namespace

TEST_CASE("every URL of a Cloud repository names it in lower case") {
  for (const std::string url :
       {"https://bitbucket.org/Team/Shop", "https://bitbucket.org/team/shop.git",
        "https://someone@bitbucket.org/team/shop.git", "git@bitbucket.org:team/shop.git",
        "ssh://git@bitbucket.org/team/shop.git", "ssh://git@altssh.bitbucket.org:443/team/shop.git",
        "https://bitbucket.org/team/shop/src/main/", "http://bitbucket.org/team/shop"}) {
    INFO(url);
    const auto repository = parse_repository(url, {});
    REQUIRE(repository);
    CHECK(repository->product == Source::kCloud);
    CHECK(repository->server == "https://api.bitbucket.org");
    CHECK(repository->name() == "team/shop");
  }
}

TEST_CASE("every other host is a Data Center, with its port and context path") {
  for (const Case& one : std::vector<Case>{
           {"https://git.example.com/scm/shop/web.git", "https://git.example.com", "SHOP/web"},
           {"https://git.example.com:8443/scm/shop/web.git", "https://git.example.com:8443",
            "SHOP/web"},
           {"https://example.com/git/scm/SHOP/Web.git", "https://example.com/git", "SHOP/web"},
           {"https://example.com/a/b/scm/shop/web", "https://example.com/a/b", "SHOP/web"},
           {"https://Example.com/Git/scm/shop/Web.git", "https://example.com/Git", "SHOP/web"},
           {"HTTPS://example.com/A/b/projects/Shop/repos/Web", "https://example.com/A/b",
            "SHOP/web"},
           {"https://someone@example.com/scm/~someone/web.git", "https://example.com",
            "~someone/web"},
           {"https://example.com/scm/scm/scm.git", "https://example.com", "SCM/scm"},
           {"https://example.com/git/projects/SHOP/repos/web/browse", "https://example.com/git",
            "SHOP/web"},
           {"https://example.com/users/someone/repos/web", "https://example.com", "~someone/web"},
           {"ssh://git@git.example.com:7999/shop/web.git", "https://git.example.com", "SHOP/web"},
           {"ssh://git@git.example.com:7999/~someone/web.git", "https://git.example.com",
            "~someone/web"},
           {"git@git.example.com:shop/web.git", "https://git.example.com", "SHOP/web"},
       }) {
    INFO(one.url);
    const auto repository = parse_repository(one.url, {});
    REQUIRE(repository);
    CHECK(repository->product == Source::kDataCenter);
    CHECK(repository->server == one.server);
    CHECK(repository->name() == one.name);
  }
}

TEST_CASE("a server that is named takes the place of the one that the URL tells") {
  const Servers servers{.data_center = "https://Git.example.com/ctx/", .cloud = {}};
  for (const char* url : {"ssh://git@git.example.com:7999/shop/web.git",
                          "http://git.example.com:7990/scm/shop/web.git"}) {
    const auto repository = parse_repository(url, servers);
    REQUIRE(repository);
    CHECK(repository->server == "https://git.example.com/ctx");
  }
  CHECK(parse_repository("https://bitbucket.org/team/shop",
                         {.data_center = {}, .cloud = "https://gateway.example.com/bb"})
            ->server == "https://gateway.example.com/bb");
}

TEST_CASE("a repository that is not on the Bitbucket that is named gets that one's token not") {
  struct Row {
    const char* url;
    Servers servers;
    const char* option;
  };
  const Servers first{.data_center = "https://dc1.example.com", .cloud = {}};
  const Servers cloud{.data_center = {}, .cloud = std::string(kCloudApi)};
  const std::vector<Row> rows{
      {"https://bitbucket.org/team/shop", first, "--bitbucket-url"},
      {"git@bitbucket.org:team/shop.git", first, "--bitbucket-url"},
      {"https://dc2.example.com/scm/shop/web.git", first, "--bitbucket-url"},
      {"ssh://git@dc2.example.com:7999/shop/web.git", first, "--bitbucket-url"},
      {"https://dc1.example.com/scm/shop/web.git", cloud, "--cloud-url"},
  };
  for (const Row& row : rows) {
    INFO(row.url);
    const auto refused = parse_repository(row.url, row.servers);
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error(), Catch::Contains("is not on the Bitbucket that ") &&
                                    Catch::Contains(row.option) &&
                                    Catch::Contains("the token is sent to no other"));
  }
  CHECK(parse_repository("https://dc1.example.com/scm/shop/web.git", first));
  CHECK(parse_repository("https://bitbucket.org/team/shop", cloud));
}

TEST_CASE("what names no repository is refused, without what could be a password") {
  for (const std::string url :
       {"", "web", "https://bitbucket.org", "https://bitbucket.org/team", "https://example.com/a/b",
        "https://example.com/scm/shop", "https://example.com/scm/shop/..",
        "ftp://example.com/scm/a/b", "https://example.com/scm/a%2Fb/c%3Fd",
        "https://example.com/projects/A/web", "ssh://git@example.com/web.git",
        "ssh://git@example.com:7999/a/b/c.git", "https://example.com/scm/a/b?c=d",
        "https://example.com/scm/a b/c"}) {
    INFO(url);
    CHECK_FALSE(parse_repository(url, {}));
  }
  const auto refused = parse_repository("https://someone:pass-word@example.com/a/b", {});
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error(), Catch::Contains("https://example.com/a/b is not the URL") &&
                                  !Catch::Contains("pass-word"));
}

TEST_CASE("a token is sent to a host name over https, and nowhere else") {
  CHECK(parse_server("https://git.example.com/") == "https://git.example.com");
  CHECK(parse_server("https://localhost:8443/a/") == "https://localhost:8443/a");
  CHECK_THAT(server_error("http://git.example.com"), Catch::Contains("over https only"));
  CHECK_THAT(server_error("https://10.0.0.1:8443"), Catch::Contains("a host name is needed"));
  CHECK_THAT(server_error("https://[::1]/git"), Catch::Contains("a host name is needed"));
  CHECK_THAT(server_error("https://a:pass-word@b"),
             Catch::Contains("must not contain a user") && !Catch::Contains("pass-word"));
  for (const std::string url :
       {"", "git.example.com", "https://", "https://a/b?c=d", "https://a/#b"}) {
    INFO(url);
    CHECK_THAT(server_error(url), Catch::Contains("--bitbucket-url"));
  }
  const auto cloud = parse_server("http://api.bitbucket.org", Source::kCloud);
  REQUIRE_FALSE(cloud);
  CHECK_THAT(cloud.error(), Catch::Contains("over https only") && Catch::Contains("--cloud-url") &&
                                !Catch::Contains("--bitbucket-url"));
  const auto of_option = parse_repository("https://bitbucket.org/team/shop",
                                          {.data_center = {}, .cloud = "https://10.0.0.1"});
  REQUIRE_FALSE(of_option);
  CHECK_THAT(of_option.error(), Catch::Contains("--cloud-url"));
  // Like a clone URL.
  const auto refused = parse_repository("http://git.example.com:7990/scm/shop/web.git", {});
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error(), Catch::Contains("over https only"));
}

TEST_CASE("of the subscribed repositories those of the one Bitbucket are taken, each once") {
  const auto selection =
      select_repositories({"https://bitbucket.org/team/shop.git", "git@bitbucket.org:team/shop.git",
                           "https://github.com/team/shop", "git@gitlab.com:team/shop.git",
                           "https://someone:pass-word@bitbucket.org/team/web", ""},
                          {});
  REQUIRE(selection);
  REQUIRE(selection->repositories.size() == 2);
  CHECK(selection->repositories[0].name() == "team/shop");
  CHECK(selection->repositories[1].name() == "team/web");
  CHECK(selection->skipped ==
        std::vector<std::string>{"https://github.com/team/shop", "gitlab.com:team/shop.git", ""});
}

TEST_CASE("a Data Center that is named has its repositories under any of their URLs") {
  const auto selection = select_repositories(
      {"ssh://git@example.com:7999/shop/web.git", "https://example.com:8443/git/scm/shop/web.git",
       "ssh://git@example.com:7999/shop/api.git"},
      {.data_center = "https://example.com:8443/git", .cloud = {}});
  REQUIRE(selection);
  REQUIRE(selection->repositories.size() == 2);
  CHECK(selection->repositories[0].server == "https://example.com:8443/git");
  CHECK(selection->repositories[0].name() == "SHOP/web");
  CHECK(selection->repositories[1].server == "https://example.com:8443/git");
}

TEST_CASE("a token is sent to no host that only a Warehouse names") {
  const std::vector<std::string> urls{
      "https://a.example.com:8443/scm/shop/web.git", "https://b.example.com/scm/shop/web.git",
      "git@b.example.com:shop/api.git", "git@gitlab.com:team/shop.git"};
  const auto refused = select_repositories(urls, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error() ==
        "Warehouses subscribe to what seems to be a Data Center at a.example.com, b.example.com, "
        "and the token is not sent to a host that only a Warehouse names: set --bitbucket-url "
        "https://HOST/CONTEXT");
  const auto of_b =
      select_repositories(urls, {.data_center = "https://b.example.com", .cloud = {}});
  REQUIRE(of_b);
  REQUIRE(of_b->repositories.size() == 2);
  CHECK(of_b->repositories[0].name() == "SHOP/web");
  CHECK(of_b->repositories[1].name() == "SHOP/api");
  CHECK(of_b->skipped.size() == 2);
}

TEST_CASE("of Cloud and a Data Center, the one that is meant is named") {
  const std::vector<std::string> urls{"https://bitbucket.org/team/shop",
                                      "https://b.example.com/scm/shop/web.git"};
  const auto refused = select_repositories(urls, {});
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error(), Catch::Contains("at b.example.com, and") &&
                                  Catch::EndsWith("--cloud-url https://api.bitbucket.org"));

  const auto of_cloud =
      select_repositories(urls, {.data_center = {}, .cloud = std::string(kCloudApi)});
  REQUIRE(of_cloud);
  REQUIRE(of_cloud->repositories.size() == 1);
  CHECK(of_cloud->repositories[0].name() == "team/shop");
  const auto of_b =
      select_repositories(urls, {.data_center = "https://b.example.com", .cloud = {}});
  REQUIRE(of_b);
  REQUIRE(of_b->repositories.size() == 1);
  CHECK(of_b->repositories[0].name() == "SHOP/web");
}

}  // namespace receiver::bitbucket_rest
