#include "bitbucket_rest/allow_list.h"

#include <catch2/catch.hpp>

namespace receiver::bitbucket_rest {

using bitbucket::Source;

TEST_CASE("bitbucket.allow bounds where webhooks, and so the secret, may go") {
  const Repository cloud{Source::kCloud, "https://api.bitbucket.org", "acme", "shop"};
  const Repository gateway{Source::kCloud, "https://gateway.example.com/bb", "acme", "shop"};
  const Repository data_center{Source::kDataCenter, "https://git.example.com/ctx", "SHOP", "web"};
  const Repository with_port{Source::kDataCenter, "https://git.example.com:8443", "SHOP", "web"};
  const Repository personal{Source::kDataCenter, "https://git.example.com", "~ann.lee", "web"};
  struct Row {
    const char* text;
    std::vector<const Repository*> allowed;
  };
  const std::vector<const Repository*> all{&cloud, &gateway, &data_center, &with_port, &personal};
  const std::vector<Row> rows{
      {"", {}},
      {" \n\t\n# acme\n", {}},
      {"acme", {&cloud, &gateway}},
      {"ACME\r\n", {&cloud, &gateway}},
      {"acm", {}},
      {"acmeacme", {}},
      {"shop", {&data_center, &with_port}},  // the project's key, no repository's name
      {"  shop  \n\nacme\n", {&cloud, &gateway, &data_center, &with_port}},
      {"acme/shop", {&cloud, &gateway}},
      {"acme/other", {}},
      {"acme/", {&cloud, &gateway}},
      {"~ann.lee", {&personal}},
      {"bitbucket.org", {&cloud, &gateway}},
      {"https://bitbucket.org/acme/shop", {&cloud, &gateway}},
      {"bitbucket.org/other", {}},
      {"api.bitbucket.org", {}},
      {"git.example.com", {&data_center, &with_port, &personal}},
      {"Git.Example.Com:8443", {&with_port}},
      {"git.example.com/shop", {&data_center, &with_port}},
      {"git.example.com/SHOP/web", {&data_center, &with_port}},
      {"example.com", {}},
      {"it.example.com", {}},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const auto list = AllowList::parse(row.text);
    REQUIRE(list);
    for (const Repository* repository : all) {
      INFO(repository->server << ' ' << repository->name());
      const bool expected = std::ranges::find(row.allowed, repository) != row.allowed.end();
      CHECK(list->allows(*repository) == expected);
    }
  }
  // The scheme distinguishes a host of one word from a workspace.
  const Repository local{Source::kDataCenter, "https://localhost:7990", "LOCALHOST", "web"};
  CHECK(AllowList::parse("https://localhost")->allows(local));
  CHECK_FALSE(AllowList::parse("https://shop")->allows(data_center));
}

TEST_CASE("an entry of bitbucket.allow that is not understood is told, with its line") {
  for (const char* entry : {"two words", "a,b", "*", "a/b/c", "git.example.com/a/b/c", "/a",
                            "https://", "a//b", "acme # ours", "gr\u00fcn", "//acme"}) {
    INFO(entry);
    const auto list = AllowList::parse(std::string("acme\n\n") + entry + "\n");
    REQUIRE_FALSE(list);
    CHECK_THAT(list.error(), Catch::StartsWith("bitbucket.allow, line 3: "));
  }
}

}  // namespace receiver::bitbucket_rest
