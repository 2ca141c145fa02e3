#include "webhook/pushed_repositories.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace receiver::webhook {

TEST_CASE("the URLs of one Warehouse after another are taken apart once") {
  std::vector<std::string> asked;
  UrlMemo<std::size_t> lengths([&](const std::string& url) {
    asked.push_back(url);
    return url.size();
  });
  CHECK(lengths.of("") == 0);
  CHECK(asked.size() == 1);
  const std::vector<std::string> urls{"a", "bb", "ccc"};
  for (int warehouse = 0; warehouse < 10; ++warehouse) {
    for (const std::string& url : urls) CHECK(lengths.of(url) == url.size());
  }
  CHECK(asked == std::vector<std::string>{"", "a", "bb", "ccc"});
  const std::string equal = "bb";
  CHECK(lengths.of(equal) == 2);
  CHECK(asked.size() == 4);
}

TEST_CASE("of more URLs than are remembered each is still told from the others") {
  std::vector<std::string> urls;
  for (std::size_t length = 0; length < 9; ++length) urls.emplace_back(length, 'x');
  UrlMemo<std::size_t> lengths([](const std::string& url) { return url.size(); });
  for (std::size_t step : {1U, 2U, 4U, 5U, 7U}) {
    for (std::size_t i = 0; i < 5 * urls.size(); ++i) {
      const std::string& url = urls[i * step % urls.size()];
      CHECK(lengths.of(url) == url.size());
    }
  }
}

TEST_CASE("a push has the repositories that its URLs name, however they are written") {
  const std::vector<std::string> identities{"bitbucket.org/orchard/fruit",
                                            "git.example.com/scm/orchard/fruit"};
  const PushedRepositories pushed(identities);
  const std::vector<std::string> same{"https://bitbucket.org/Orchard/fruit.git",
                                      "git@bitbucket.org:orchard/fruit",
                                      "https://git.example.com/scm/orchard/fruit.git"};
  const std::vector<std::string> others{"https://bitbucket.org/orchard/fruits", "", "nothing",
                                        "https://bitbucket.org/orchard"};
  for (int time = 0; time < 2; ++time) {
    for (const std::string& url : same) CHECK(pushed.have(url));
    for (const std::string& url : others) CHECK_FALSE(pushed.have(url));
  }
}

}  // namespace receiver::webhook
