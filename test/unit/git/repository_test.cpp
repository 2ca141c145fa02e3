#include "git/repository.h"

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "test/support/vectors.h"

namespace receiver::git {

using test::load_vectors;
using test::text_of;

namespace {

struct Pair {
  std::string left;
  std::string right;
};

}  // namespace

TEST_CASE("vectors/normalize_git.json: normalize gives Kargo's normal form, byte for byte") {
  const auto vectors = load_vectors("normalize_git.json");
  std::size_t cases = 0;
  for (const auto& vector : vectors.GetArray()) {
    const std::string in = text_of(vector["in"]);
    INFO(in);
    CHECK(normalize(in) == text_of(vector["out"]));
    ++cases;
  }
  CHECK(cases > 0);
}

TEST_CASE("vectors/normalize_git.json: equal normal forms have equal identities") {
  const auto vectors = load_vectors("normalize_git.json");
  std::map<std::string, std::string> identity_of;
  std::size_t cases = 0;
  for (const auto& vector : vectors.GetArray()) {
    const std::string in = text_of(vector["in"]);
    INFO(in);
    const auto [known, added] = identity_of.emplace(text_of(vector["out"]), identity(in));
    CHECK(known->second == identity(in));
    ++cases;
  }
  CHECK(cases > 0);
}

TEST_CASE("a URL that is read like Go reads it keeps or rewrites its escapes like Go does") {
  // Recorded from Go 1.26.
  const std::vector<Pair> cases{
      {"https://h/a!b", "https://h/a!b"},
      {"https://h/a!b.git", "https://h/a%21b"},
      {"https://h/a[1]", "https://h/a[1]"},
      {"https://h/a%2Fb", "https://h/a%2fb"},
      {"https://h/a%2Fb.git", "https://h/a/b"},
      {"https://h/a\"b", "https://h/a%22b"},
      {"https://h/ws/repo?", "https://h/ws/repo?"},
      {"https://h/ws/repo?&", "https://h/ws/repo?&"},
      {"https://H/ws/repo?a=1;b", "https://h/ws/repo?a=1;b"},
      {"https://H/ws/repo?a", "https://H/ws/repo?a"},
      {"https://H/ws/repo?%zz=1", "https://h/ws/repo?%zz=1"},
      {"https://H/ws/repo?a=%zz", "https://h/ws/repo?a=%zz"},
      {"https://h/ws/repo#", "https://h/ws/repo"},
      {"https://h/ws/repo#a<b", "https://h/ws/repo#a%3Cb"},
      {"https://H/ws/repo#%zz", "https://H/ws/repo#%zz"},
      {"https://[::1]:8443/ws/repo.git", "https://[::1]:8443/ws/repo"},
      {"https://[fe80::1%25en0]/ws/repo", "https://[fe80::1%25en0]/ws/repo"},
      {"https://[::G]/ws/repo", "https://[::G]/ws/repo"},
      {"https://H:port/ws/repo", "https://H:port/ws/repo"},
      {"https://h%41/ws/repo", "https://h%41/ws/repo"},
      {"https://h%25/ws/repo.git", "https://h%25/ws/repo"},
      {"https://h%C3%84/ws/repo.git", "https://h%C3%84/ws/repo"},
      {"https://h%2/ws/repo.git", "https://h%2/ws/repo.git"},
      {"https://git-1.example/ws/repo.git", "https://git-1.example/ws/repo"},
      {"https://", "https:"},
      {"https:///ws/repo", "https:///ws/repo"},
      {"ssh://us!er@h/ws/repo", "ssh://us%21er@h/ws/repo"},
      {"ssh://us:p@ss@H/ws/repo", "ssh://us:p%40ss@h/ws/repo"},
      {"https://us:p@ss@H/ws/repo", "https://h/ws/repo"},
      {"ssh://us er@H/ws/repo", "ssh://us er@H/ws/repo"},
      {"ssh://us%zz:p@H/ws/repo", "ssh://us%zz:p@H/ws/repo"},
      {"ssh://us:%zz@H/ws/repo", "ssh://us:%zz@H/ws/repo"},
      {"git@h:1:b/c", "git@h:1:b/c"},
      {"git@h:a/b:c", "ssh://git@h/a/b:c"},
      {"https://[::1/ws/repo.git", "https://[::1/ws/repo.git"},
      {"git@h::b", "git@h::b"},
      {"git@h.:b", "git@h.:b"},
      {"/srv/Repo.git", "/srv/Repo.git"},
      {"\xEF\xBB\xBFhttps://h/ws/repo \r\n", "https://h/ws/repo"},
      {"https://h/İ", "https://h/i"},
      {"https://h/\xFF", "https://h/%EF%BF%BD"},
      {"", ""},
  };
  for (const auto& [in, out] : cases) {
    INFO(in);
    CHECK(normalize(in) == out);
  }
}

TEST_CASE("URLs of one repository have one identity") {
  const auto [left, right] = GENERATE(values<Pair>({
      // Spelling.
      {"https://git.example.com/scm/proj/repo.git", "https://git.example.com/scm/proj/repo"},
      {"https://git.example.com/scm/proj/repo.git", "https://git.example.com/scm/proj/repo/"},
      {"https://git.example.com/scm/PROJ/Repo.git", "https://GIT.example.com/scm/proj/repo.GIT"},
      {"https://user:secret@git.example.com/scm/proj/repo",
       "https://git.example.com/scm/proj/repo"},
      {"https://user:s@cret@git.example.com/scm/proj/repo",
       "https://git.example.com/scm/proj/repo"},
      {"https://git.example.com/scm/~jane/repo", "https://git.example.com/scm/%7Ejane/repo.git"},
      {"https://git.example.com/scm/p/%C3%84", "https://git.example.com/scm/p/ä.git"},
      // The two web schemes and their ports.
      {"http://git.example.com/scm/proj/repo", "https://git.example.com/scm/proj/repo"},
      {"https://git.example.com:443/scm/proj/repo", "https://git.example.com/scm/proj/repo"},
      {"http://git.example.com:80/scm/proj/repo", "http://git.example.com/scm/proj/repo"},
      {"http://git.example.com:443/scm/proj/repo", "https://git.example.com:80/scm/proj/repo"},
      {"http://git.example.com:7990/scm/proj/repo", "https://git.example.com:7990/scm/proj/repo"},
      {"https://[2001:db8::1]:443/scm/proj/repo", "http://[2001:DB8::1]/scm/proj/repo.git"},
      // Bitbucket Cloud.
      {"git@bitbucket.org:ws/repo.git", "https://bitbucket.org/ws/repo"},
      {"git@bitbucket.org:/ws/repo.git", "https://bitbucket.org/ws/repo"},
      {"GIT@Bitbucket.org:WS/Repo.git", "https://bitbucket.org/ws/repo"},
      {"bitbucket.org:ws/repo.git", "https://bitbucket.org/ws/repo"},
      {"ssh://git@bitbucket.org/ws/repo.git", "https://jane@bitbucket.org/ws/repo.git"},
      {"ssh://git@bitbucket.org:22/ws/repo.git", "http://bitbucket.org/ws/repo"},
      {"ssh://git@altssh.bitbucket.org:443/ws/repo.git", "https://bitbucket.org/WS/repo"},
      // Data Center over ssh.
      {"ssh://git@git.example.com:7999/proj/repo.git", "ssh://jane@git.example.com:7999/PROJ/repo"},
      {"ssh://git@git.example.com:7999/proj/repo.git", "ssh://git@git.example.com/proj/repo"},
      {"ssh://git@git.example.com:7999/proj/repo.git", "git@git.example.com:proj/repo.git"},
      {"ssh://git@git.example.com:7999/~jane/repo.git", "ssh://git.example.com/~jane/repo"},
  }));
  INFO(left << " and " << right);
  CHECK(identity(left) == identity(right));
  CHECK_FALSE(identity(left).empty());
}

TEST_CASE("URLs of different repositories have different identities") {
  const auto [left, right] = GENERATE(values<Pair>({
      {"https://bitbucket.org/ws/repo", "https://bitbucket.org/ws/repo2"},
      {"https://bitbucket.org/ws/repo", "https://bitbucket.org/ws/rep"},
      {"https://bitbucket.org/ws/repo", "https://bitbucket.org/ws/repo.git.git"},
      {"https://bitbucket.org/ws/repo", "https://bitbucket.org/other/repo"},
      {"https://bitbucket.org/ws/repo", "https://bitbucket.org/ws/repo/src"},
      {"https://bitbucket.org/ws/repo", "https://bitbucket.org:8443/ws/repo"},
      {"https://bitbucket.org/ws/repo", "https://bitbucket.org.example.com/ws/repo"},
      {"https://bitbucket.org/ws/repo", "https://notbitbucket.org/ws/repo"},
      {"https://bitbucket.org/ws/repo", "https://altssh.bitbucket.org/ws/repo"},
      {"https://bitbucket.org/ws/repo", "https://bitbucket.org@example.com/ws/repo"},
      {"https://git.example.com/scm/proj/repo", "https://git.example.com:7990/scm/proj/repo"},
      {"https://git.example.com:7990/scm/p/r", "https://git.example.com:7991/scm/p/r"},
      {"https://git.example.com/scm/proj/repo", "https://git.example.com/ctx/scm/proj/repo"},
      {"https://git.example.com/scm/proj/repo", "https://git.example.com/scm/~proj/repo"},
      {"https://git.example.com/proj/repo", "ssh://git@git.example.com/proj/repo"},
      {"ssh://git@git.example.com:7999/p/r", "ssh://git@git.example.org:7999/p/r"},
  }));
  INFO(left << " and " << right);
  CHECK(identity(left) != identity(right));
}

TEST_CASE("what names no repository has no identity") {
  const std::string url = GENERATE(values<std::string>({
      "",
      " \t\r\n",
      "https://",
      "https://bitbucket.org",
      "https://bitbucket.org/",
      "https:///ws/repo",
      "ssh://git@bitbucket.org",
      "bitbucket.org",
      "https://bitbucket.org/" + std::string(kMaxUrlBytes, 'a'),
  }));
  INFO(url);
  CHECK(identity(url).empty());
}

TEST_CASE("any bytes can be normalised, identified and redacted, at a bounded length") {
  const std::vector<std::string> snippets{
      "https://", "ssh://", "git@", "user:p@ss@", "[::1]", "[",        "]",   ":443",         ":",
      "/",        "//",     ".git", "%2F",        "%",     "%zz",      "%25", "?a=b",         "?",
      "#",        "\xFF",   "é",    " ",          "x",     "\xF0\x9F", "..",  "\xE2\x80\x8B", "@"};
  std::mt19937 random(20261124);  // NOLINT(cert-msc51-cpp): the same cases in every run.
  for (int i = 0; i < 20'000; ++i) {
    std::string url;
    for (auto left = random() % 10; left > 0; --left) {
      url += snippets[random() % snippets.size()];
      if (random() % 8 == 0) url += static_cast<char>(random());
    }
    INFO(url);
    // An invalid byte becomes a character of three bytes, each of them escaped.
    REQUIRE(normalize(url).size() <= 9 * url.size() + 6);
    REQUIRE(identity(url).size() <= kMaxUrlBytes);
    REQUIRE(redacted(url).size() <= 260);
  }
  const std::string huge(2 << 20, '%');
  CHECK(normalize(huge) == huge);
  CHECK(identity("https://h/" + huge).empty());
  CHECK(redacted("https://h/" + huge).size() <= 260);
}

TEST_CASE("a redacted URL has no user info, no query and no fragment") {
  const auto [url, shown] = GENERATE(values<Pair>({
      {"https://bitbucket.org/ws/repo.git", "https://bitbucket.org/ws/repo.git"},
      {"https://jane:s3cret@bitbucket.org/ws/repo", "https://bitbucket.org/ws/repo"},
      {"https://x-token-auth:s3cret@host:7990/ctx/scm/~u/r", "https://host:7990/ctx/scm/~u/r"},
      {"https://a@b:s3cret@host/ws/repo", "https://host/ws/repo"},
      {"https://host/ws/repo?token=s3cret", "https://host/ws/repo"},
      {"https://host/ws/repo#s3cret", "https://host/ws/repo"},
      {"https://host?token=s3cret", "https://host"},
      {"git@bitbucket.org:ws/repo.git", "bitbucket.org:ws/repo.git"},
      {"jane:s3cret@bitbucket.org:ws/repo.git", "bitbucket.org:ws/repo.git"},
      {"ssh://git:s3cret@[::1]:7999/p/r", "ssh://[::1]:7999/p/r"},
      {"https://host/ws/re\r\n\tpo", "https://host/ws/repo"},
      {"s3cret?x@host", "(unreadable URL)"},
      {"https://jane:s3/cret@host/ws/repo", "(unreadable URL)"},
      {"https://jane:s3?cret@host/ws/repo", "(unreadable URL)"},
      {"https://jane:1/2@host/ws/repo", "(unreadable URL)"},
      {"https://jane:1?2@host/ws/repo", "(unreadable URL)"},
      {"", ""},
      {"https://h/" + std::string(246, 'a'), "https://h/" + std::string(246, 'a')},
      {"https://h/" + std::string(247, 'a'), "https://h/" + std::string(246, 'a') + "…"},
  }));
  INFO(url);
  CHECK(redacted(url) == shown);
  CHECK(redacted(url).find("s3") == std::string::npos);
}

}  // namespace receiver::git
