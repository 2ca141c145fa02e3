#include "git/path_pattern.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "test/support/vectors.h"

namespace receiver::git {

using test::load_vectors;
using test::text_of;

namespace {

PathMatch match(const std::string& pattern, const std::string& path) {
  const auto parsed = PathPattern::parse(pattern);
  REQUIRE(parsed);
  return parsed->matches(path);
}

}  // namespace

TEST_CASE("vectors/path_pattern.json: a pattern matches the paths that Kargo says") {
  const auto vectors = load_vectors("path_pattern.json");
  std::size_t cases = 0;
  std::size_t rejected = 0;
  for (const auto& vector : vectors.GetArray()) {
    const std::string text = text_of(vector["pattern"]);
    INFO("pattern '" << text << "'");
    const auto pattern = PathPattern::parse(text);
    if (vector.HasMember("error")) {
      CHECK_FALSE(pattern);
      ++rejected;
      continue;
    }
    REQUIRE(pattern);
    for (const auto& [name, value] : vector["paths"].GetObject()) {
      INFO("path '" << text_of(name) << "'");
      CHECK(pattern->matches(text_of(name)) ==
            (value.GetBool() ? PathMatch::kYes : PathMatch::kNo));
      ++cases;
    }
  }
  CHECK(cases > 0);
  CHECK(rejected > 0);
}

TEST_CASE("a pattern without a prefix is a folder with all below it") {
  struct Case {
    std::string folder;
    std::vector<std::string> matches;
    std::vector<std::string> others;
  };
  // Recorded from Go 1.26.
  const std::vector<Case> cases{
      {"a", {"a", "a/", "a/b", "./a/b", "a/b/../c", "b/../a", "a//b"}, {"ab", "A", "/a", "b/a"}},
      {"a/b/", {"a/b", "a/b/c"}, {"a", "a/bc", "a/c"}},
      {"./a/./b//", {"a/b", "a/b/c"}, {"a"}},
      {"a/c/../b", {"a/b/c"}, {"a/c"}},
      {"", {"", "a", ".a", "a/.b"}, {"/a", "..", "../a", "a..b", "..."}},
      {".", {"", "a"}, {"/a", ".."}},
      {"a/..", {"a", "b"}, {"/b"}},
      {"..", {"..", "../a"}, {"a", "", "../..", "../../a"}},
      {"../a", {"../a/b"}, {"a/b", "../b"}},
      {"../../a", {"../../a/b"}, {"a", "../a"}},
      {"/", {"/", "/a", "/.."}, {"a", "", "/a..b"}},
      {"/a", {"/a", "/a/b", "/../a"}, {"a", "/ab"}},
      {"/..", {"/", "/a"}, {"a"}},
      {"a..b", {"a..b", "a..b/c"}, {"a..b/c..d"}},
      {"*", {"*", "*/a"}, {"a"}},
      {"glob", {"glob", "glob/a"}, {"a"}},
      {"GLOB:a", {"GLOB:a"}, {"a"}},
      {" glob:a", {" glob:a"}, {"a"}},
  };
  for (const auto& [folder, matches, others] : cases) {
    INFO("folder '" << folder << "'");
    for (const auto& path : matches) {
      INFO("path '" << path << "'");
      CHECK(match(folder, path) == PathMatch::kYes);
    }
    for (const auto& path : others) {
      INFO("path '" << path << "'");
      CHECK(match(folder, path) == PathMatch::kNo);
    }
  }
}

TEST_CASE("a regular expression matches anywhere, unless it says where") {
  CHECK(match("regex:b/c", "a/b/c/d") == PathMatch::kYes);
  CHECK(match("regexp:b/c", "a/b/c/d") == PathMatch::kYes);
  CHECK(match("regex:^b/c", "a/b/c/d") == PathMatch::kNo);
  CHECK(match("regex:", "a") == PathMatch::kYes);
  CHECK(match("regex:^A", "a") == PathMatch::kNo);
  CHECK(match("regex:(?i)^A", "a") == PathMatch::kYes);
  CHECK(match("regex:^(?<name>a)$", "a") == PathMatch::kYes);
  // Only the first prefix is one.
  CHECK(match("regex:regexp:a", "a") == PathMatch::kNo);
  CHECK(match("glob:regex:a", "regex:a") == PathMatch::kYes);
}

TEST_CASE("what is no pattern is told, with the remedy") {
  struct Case {
    std::string pattern;
    std::string error;
  };
  const std::vector<Case> cases{
      {"glob:a{b", R"(invalid glob: '{' has no '}': close it, or write '\{' for the character)"},
      {"regex:[", "invalid regular expression: missing ]: [: write it in the syntax of RE2"},
      {"regexp:^(?!a)",
       "invalid regular expression: invalid perl operator: (?!: write it in the syntax of RE2"},
      {"regex:(\\pL{100}){10}",
       "invalid regular expression: pattern too large - compile failed: write it in the syntax of "
       "RE2"},
      {std::string(kMaxPathPatternBytes + 1, 'a'),
       "the pattern is longer than 4096 bytes: write several instead"},
  };
  for (const auto& [pattern, error] : cases) {
    INFO("pattern '" << pattern << "'");
    const auto parsed = PathPattern::parse(pattern);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error() == error);
  }
}

TEST_CASE("longer paths than the bound are not judged, whatever the pattern") {
  const std::string longest = "a/" + std::string(kMaxPathBytes - 2, 'b');
  for (const std::string pattern : {"a", "glob:a/**", "regex:^a/"}) {
    INFO("pattern '" << pattern << "'");
    CHECK(match(pattern, longest) == PathMatch::kYes);
    CHECK(match(pattern, longest + "b") == PathMatch::kUnknown);
  }
  CHECK(match(std::string(kMaxPathPatternBytes, 'a'), "a") == PathMatch::kNo);
}

TEST_CASE("hostile patterns are decided in bounded time") {
  const std::string path = std::string(kMaxPathBytes - 1, 'a') + "!";
  CHECK(match("regex:^(a+)+(a+)+(a+)+$", path) == PathMatch::kNo);
  CHECK(match("glob:" + std::string(kMaxPathPatternBytes - 6, '*') + "b", path) == PathMatch::kNo);
}

TEST_CASE("a pattern is a value: it is copied, and matches as before") {
  const auto parsed = PathPattern::parse("regex:^a");
  REQUIRE(parsed);
  std::vector<PathPattern> patterns(2, *parsed);
  patterns.push_back(*PathPattern::parse("glob:b*"));
  patterns.push_back(*PathPattern::parse("c"));
  patterns.front() = patterns.back();
  CHECK(patterns[0].matches("c/d") == PathMatch::kYes);
  CHECK(patterns[1].matches("ab") == PathMatch::kYes);
  CHECK(patterns[2].matches("bc") == PathMatch::kYes);
}

}  // namespace receiver::git
