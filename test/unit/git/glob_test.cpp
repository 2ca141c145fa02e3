#include "git/glob.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace receiver::git {
namespace {

struct GlobCase {
  std::string glob;
  std::vector<std::string> matches;
  std::vector<std::string> others;
};

void check_globs(const std::vector<GlobCase>& cases) {
  for (const auto& [text, matches, others] : cases) {
    INFO("glob '" << text << "'");
    const auto glob = Glob::parse(text);
    REQUIRE(glob);
    for (const auto& path : matches) {
      INFO("path '" << path << "'");
      CHECK(glob->matches(path) == PathMatch::kYes);
    }
    for (const auto& path : others) {
      INFO("path '" << path << "'");
      CHECK(glob->matches(path) == PathMatch::kNo);
    }
  }
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

}  // namespace

// The expected values were recorded from doublestar 4.10.

TEST_CASE("a glob matches whole paths, in their own letter case") {
  check_globs({
      {"", {""}, {"a", "/"}},
      {"a", {"a"}, {"A", "ab", "ba", "a/", "/a", "./a", ""}},
      {"a/b", {"a/b"}, {"a//b", "a/b/", "a\\b"}},
      {"/a", {"/a"}, {"a"}},
      {"a/", {"a/"}, {"a"}},
      {"./a", {"./a"}, {"a"}},
      {"a//b", {"a//b"}, {"a/b"}},
      {"a,b", {"a,b"}, {"a", "b"}},
      {"ünï/*", {"ünï/ü"}, {"Ünï/ü", "uni/u"}},
  });
}

TEST_CASE("a star stays within a part of the path, and may be nothing") {
  check_globs({
      {"*", {"", "a", ".a", "a b"}, {"a/b", "/"}},
      {"*a", {"a", "xa", "aaa"}, {"x/a", "ab"}},
      {"a*", {"a", "ab"}, {"a/", "ab/c", "xa"}},
      {"a*b*c", {"abc", "axbxc", "abbcc"}, {"acb", "ab/c", "abcd"}},
      {"*/*", {"a/b", "/"}, {"a", "a/b/c"}},
      {"*a*b/c", {"xaab/c"}, {"xab/b/c"}},
  });
}

TEST_CASE("two stars are folders if they are a whole part of the path, and one star otherwise") {
  check_globs({
      {"**", {"", "a", "a/b", "a/b/c"}, {}},
      {"a/**", {"a", "a/", "a/b", "a/b/c"}, {"ab", "x/a"}},
      {"**/a", {"a", "x/a", "x/y/a"}, {"xa", "a/x"}},
      {"a/**/b", {"a/b", "a/x/b", "a/x/y/b"}, {"ab", "a/xb", "a/b/c"}},
      {"a/**/", {"a", "a/", "a/b/"}, {"a/b"}},
      {"**/a/**/b/**", {"a/b", "x/a/y/b/z", "a/a/b/b"}, {"b/a", "xa/b"}},
      {"a**/b", {"a/b", "ax/b"}, {"ax/y/b"}},
      {"**a", {"a", "xa"}, {"x/a"}},
      {"a**", {"a", "ab"}, {"ab/c"}},
      {"a\\/**", {"a/b", "a/b/c"}, {"a"}},
      {"***", {"a"}, {"", "a/b"}},
      {"a***", {"ab"}, {"a"}},
      {"***/b", {"a/b"}, {"a/a/b"}},
  });
}

TEST_CASE("a question mark is one character, of however many bytes") {
  check_globs({
      {"?", {"a", "é", "日", "\xFF"}, {"", "/", "ab", "a/"}},
      {"a?", {"ab", "aü"}, {"a", "a/", "abc"}},
  });
}

TEST_CASE("a class is one character, a slash included") {
  check_globs({
      {"[abc]", {"a", "c"}, {"d", "", "ab"}},
      {"[a-c]", {"a", "b", "c"}, {"d", "-"}},
      {"[c-a]", {"c"}, {"a", "b"}},
      {"[a-c-e]", {"b", "-", "e"}, {"d"}},
      {"[a-]", {"a", "-"}, {"b"}},
      {"[-a]", {"a", "-"}, {"b"}},
      {R"([a\-c])", {"a", "-", "c"}, {"b"}},
      {R"([\]])", {"]"}, {R"(\])"}},
      {R"([\\-a])", {"\\", "]", "a"}, {"-"}},
      {R"([a-\]])", {"a"}, {"]", "b"}},
      {R"([\]-a])", {"]", "^", "a"}, {"-"}},
      {"[^a]", {"b", "/", "é"}, {"a", ""}},
      {"[!a]", {"b", "/"}, {"a"}},
      {"[a^!]", {"a", "^", "!"}, {"b"}},
      {"[é-ü]", {"ë"}, {"a"}},
      {"[\U0010FFFF-x]", {"\U0010FFFF", "-", "x"}, {"y"}},
      {"[\uFFFD]", {"\uFFFD", "\xFF"}, {"a"}},
      {"[a]]", {"a]"}, {"a"}},
      {"[{,}]", {"{", ",", "}"}, {"a"}},
      {"[[:alpha:]]", {":]", "a]", "l]"}, {"a", ":"}},
      {"a[/]b", {"a/b"}, {}},
  });
}

TEST_CASE("a group is one of its alternatives, which are globs") {
  check_globs({
      {"{a,b}/c", {"a/c", "b/c"}, {"c/c", "{a,b}/c"}},
      {"{a,{b,c}}d", {"ad", "bd", "cd"}, {"dd", "d"}},
      {"a{b,c}{d,e}", {"abd", "ace"}, {"ab", "abde"}},
      {"{a/b,c}/d", {"a/b/d", "c/d"}, {"a/d"}},
      {"{a}b", {"ab"}, {"b"}},
      {"{,a}b", {"b", "ab"}, {"a"}},
      {"a{}", {"a"}, {"a{}"}},
      {"a{,/**}", {"a", "a/b", "a/b/c"}, {"ab"}},
      {"a/{**,x}/b", {"a/b", "a/x/y/b"}, {"a/xb"}},
      {"**/*.{go,mod}", {"main.go", "a/b/go.mod"}, {"go", "a/x.sum"}},
      {"*{a,b}c", {"ac", "xaxbc", "aabc"}, {"c", "xc"}},
      {"{*.go,[a-c]?}", {"x.go", "bz"}, {"x.mod", "dz"}},
      {R"({a\,b,c})", {"a,b", "c"}, {"a", "b"}},
      {R"({a\},b})", {"a}", "b"}, {"a"}},
  });
}

TEST_CASE("a backslash takes a character for what it is") {
  check_globs({
      {R"(\*)", {"*"}, {"a", R"(\*)"}},
      {R"(\a\/b)", {"a/b"}, {R"(\a\/b)"}},
      {R"(\{a\})", {"{a}"}, {"a"}},
      {R"(\\)", {"\\"}, {""}},
      {R"(\[a])", {"[a]"}, {"a"}},
      {R"(\é)", {"é"}, {"e"}},
  });
}

TEST_CASE("where doublestar is odd, a glob is odd in the same way") {
  check_globs({
      // After a group, stars may be folders at any place, but not if the path ends before.
      {"a{**}", {"a", "ab/c"}, {"xa"}},
      {"a{,x}**", {"ab/c", "ax"}, {}},
      {"a/**{,x}", {"a/b"}, {"a", "a/b/c"}},
      {"a*{,x}", {"ab", "ax"}, {"a"}},
      // Braces and commas of a class in a group belong to the group. Half a class then ends the
      // search, although another alternative would match.
      {"{[}],a}", {}, {"a", "}", "[,a}"}},
      {"{[{],a}", {}, {"a", "{"}},
      {"{a,[,]}", {"a"}, {",", "["}},
      {"{[,a]b}", {}, {"a]b", "[", ","}},
      // Only the last star is retried, although the first one could take more: a class may match
      // the slash that this star cannot.
      {"*[^x]*b", {"aab"}, {"a/cb"}},
      // All invalid UTF-8 bytes are equal.
      {"\xFE", {"\xFF", "\xC3"}, {"\xFF\xFF"}},
  });
}

TEST_CASE("what is no glob is noticed without a path, and the error says what to do") {
  struct Case {
    std::string glob;
    std::string error;
  };
  const std::vector<Case> cases{
      {"a{b,c", R"('{' has no '}': close it, or write '\{' for the character)"},
      {"{a,{b}", R"('{' has no '}': close it, or write '\{' for the character)"},
      {"{[}]", R"('{' has no '}': close it, or write '\{' for the character)"},
      {"a}b", R"('}' has no '{': open it, or write '\}' for the character)"},
      {R"({a\{b}})", R"('}' has no '{': open it, or write '\}' for the character)"},
      {"a[", R"('[' has no ']': close it, or write '\[' for the character)"},
      {"a[^", R"('[' has no ']': close it, or write '\[' for the character)"},
      {"a[b", R"('[' has no ']': close it, or write '\[' for the character)"},
      {R"([b\])", R"('[' has no ']': close it, or write '\[' for the character)"},
      {R"([b\)", R"('[' has no ']': close it, or write '\[' for the character)"},
      {"{[,a}", R"('[' has no ']': close it, or write '\[' for the character)"},
      {"[]", R"('[]' lists no character: write '\]' for a ']' in it, '\[' for the character '[')"},
      {"[]a]",
       R"('[]' lists no character: write '\]' for a ']' in it, '\[' for the character '[')"},
      {"x/[!]a]",
       R"('[]' lists no character: write '\]' for a ']' in it, '\[' for the character '[')"},
      {"a\\", R"(the last '\' escapes nothing: write '\\' for the character)"},
      {repeated("{a}", kMaxGlobGroups + 1), "more than 64 '{': write several globs instead"},
  };
  for (const auto& [text, error] : cases) {
    INFO("glob '" << text << "'");
    const auto glob = Glob::parse(text);
    REQUIRE_FALSE(glob);
    CHECK(glob.error() == error);
  }
  CHECK(Glob::parse(repeated("{a}", kMaxGlobGroups)));
  CHECK(Glob::parse(repeated("{", kMaxGlobGroups) + repeated("}", kMaxGlobGroups)));
}

TEST_CASE("globs that people write are decided within the bounds, on long paths too") {
  const std::string folders = repeated("some-folder/", 80);
  const std::string name = repeated("name-", 40);
  check_globs({
      {"**/*.{go,mod,sum,yaml,yml,json,toml,md}",
       {folders + name + ".md"},
       {folders + name + ".txt"}},
      {"**/some-*/**/*-name-*/**/*.go", {}, {folders + name + ".go"}},
      {"{apps,libs,some-folder}/{api,web,some-folder}/**/*{a,b,-}.{go,mod}",
       {folders + name + ".go"},
       {folders + name + ".md"}},
      {"**/*a*b*c*d*e*f*g*h", {}, {folders + name}},
      {repeated("**/", 40) + "x", {folders + "x"}, {folders + name}},
      {repeated("*", 200) + "x", {name + "x"}, {name}},
  });
}

TEST_CASE("a glob that blows up is given up after a bounded number of steps") {
  const std::string path(4096, 'a');
  for (const std::string& text : {
           repeated("{a,b}", kMaxGlobGroups) + "c",
           repeated("{a,a}", kMaxGlobGroups) + "c",
           repeated("{a,aa}", 20) + "**/c",
           repeated("{,a}", kMaxGlobGroups) + "b",
           repeated("a", 4000) + repeated("{,x}", 24) + "b",
           repeated("{a", kMaxGlobGroups) + repeated(",a}", kMaxGlobGroups) + "b",
           "*" + repeated("{a,aa}", 20) + "b",
           "*" + repeated("a", 4000) + "b",
           "*[^" + repeated("b", 4000) + "]b",
           repeated("*", 4000) + "b",
       }) {
    INFO("glob '" << text.substr(0, 60) << "…'");
    const auto glob = Glob::parse(text);
    REQUIRE(glob);
    CHECK(glob->matches(path) != PathMatch::kYes);
  }
  CHECK(Glob::parse(repeated("{a,a}", kMaxGlobGroups) + "b")->matches(path) == PathMatch::kUnknown);
  CHECK(
      Glob::parse(repeated("a", 4000) + repeated("{,}", 24) + "b")->matches(path.substr(0, 4000)) ==
      PathMatch::kUnknown);
  // Few walks, but each has a long glob to write.
  CHECK(Glob::parse(repeated("{a,a}", 11) + repeated("c", 3900))->matches(path) ==
        PathMatch::kUnknown);
  CHECK(Glob::parse("*" + repeated("a", 4000) + "b")->matches(path) == PathMatch::kUnknown);
  CHECK(Glob::parse("*[^" + repeated("b", 4000) + "]b")->matches(path) == PathMatch::kUnknown);
  CHECK(Glob::parse("*[a" + repeated("b", 4000) + "]b")->matches(path) == PathMatch::kUnknown);
}

}  // namespace receiver::git
