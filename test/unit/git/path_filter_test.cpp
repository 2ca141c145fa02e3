#include "git/path_filter.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "git/ref_selector.h"
#include "test/support/vectors.h"

namespace receiver::git {

using test::load_vectors;
using test::text_of;

namespace {

using Texts = std::vector<std::string>;

bool may_count(const Texts& include, const Texts& exclude, const std::string& path) {
  return PathFilter({include, exclude}).may_count(path);
}

bool is_plain_ascii(const std::string& path) {
  return !path.empty() && quoted_path(path) == path;
}

}  // namespace

TEST_CASE("vectors/path_pattern.json: a filter counts as Kargo includes and excludes") {
  const auto vectors = load_vectors("path_pattern.json");
  std::size_t exact = 0;
  for (const auto& vector : vectors.GetArray()) {
    const std::string pattern = text_of(vector["pattern"]);
    INFO("pattern '" << pattern << "'");
    const PathFilter including({{pattern}, {}});
    const PathFilter excluding({{}, {pattern}});
    if (vector.HasMember("error")) {
      CHECK(including.problems().size() == 1);
      CHECK(including.may_count("a"));
      CHECK(excluding.may_count("a"));
      continue;
    }
    for (const auto& [name, value] : vector["paths"].GetObject()) {
      const std::string path = text_of(name);
      INFO("path '" << path << "'");
      const bool matches = value.GetBool();
      if (is_plain_ascii(path)) {
        CHECK(including.may_count(path) == matches);
        CHECK(excluding.may_count(path) == !matches);
        ++exact;
      } else {  // two spellings are checked: never fewer
        CHECK((including.may_count(path) || !matches));
        CHECK((excluding.may_count(path) || matches));
      }
    }
  }
  CHECK(exact > 0);
}

TEST_CASE("a file counts if something includes it, and nothing excludes it") {
  struct Case {
    Texts include;
    Texts exclude;
    Texts counting;
    Texts others;
  };
  const std::vector<Case> cases{
      {{}, {}, {"a", "a/b"}, {}},
      {{"a"}, {}, {"a", "a/b"}, {"b", "ab"}},
      {{"a", "glob:*.md"}, {}, {"a/b", "x.md"}, {"b/x.md", "b"}},
      {{}, {"a"}, {"b", "ab"}, {"a", "a/b"}},
      {{}, {"a", "regex:[.]md$"}, {"b"}, {"a/b", "x.md"}},
      {{"a"}, {"a/docs", "glob:**/*.md"}, {"a/b"}, {"a/docs/x", "a/x.md", "b"}},
      {{"a"}, {"a"}, {}, {"a", "a/b"}},
      {{""}, {}, {"a", "a/b"}, {}},
  };
  for (const auto& [include, exclude, counting, others] : cases) {
    const PathFilter filter({include, exclude});
    CHECK(filter.problems().empty());
    for (const std::string& path : counting) {
      INFO(path);
      CHECK(filter.may_count(path));
    }
    for (const std::string& path : others) {
      INFO(path);
      CHECK_FALSE(filter.may_count(path));
    }
  }
}

TEST_CASE("whatever is in doubt counts, whether included or excluded") {
  const Texts nothing{"glob:no/such/file"};
  const Texts everything{"regex:"};
  const std::string path = GENERATE(as<std::string>(), "",
                                    "a\xEF\xBF\xBD"
                                    "b",
                                    "a\xFF", "a\xC3", "\xC0\x80", "\xED\xA0\x80",
                                    std::string(kMaxPathBytes + 1, 'a'), std::string(65'536, 'a'));
  INFO(path.substr(0, 40));
  CHECK(may_count(nothing, {}, path));
  CHECK(may_count({}, everything, path));
  CHECK_FALSE(may_count(nothing, {}, "a"));
  CHECK_FALSE(may_count({}, everything, std::string(kMaxPathBytes, 'a')));
}

TEST_CASE("a pattern that cannot tell within its bounds excludes nothing, and includes") {
  // Each group doubles the work.
  std::string hostile = "glob:";
  for (int i = 0; i < 30; ++i) hostile += "{a,*a}";
  const std::string path(200, 'a');
  REQUIRE(PathPattern::parse(hostile)->matches(path + "b") == PathMatch::kUnknown);
  CHECK(may_count({hostile}, {}, path + "b"));
  CHECK(may_count({}, {hostile}, path + "b"));
  CHECK_FALSE(may_count({hostile}, {path + "b"}, path + "b"));
}

TEST_CASE("an invalid pattern makes every file count, and is told with its place") {
  for (const auto& filter : {PathFilter({{"a", "regex:["}, {}}), PathFilter({{"a"}, {"glob:{"}}),
                             PathFilter({{}, {"", "regex:[", "glob:{"}})}) {
    CHECK(filter.may_count("b"));
    CHECK_FALSE(filter.problems().empty());
  }
  CHECK(PathFilter({{"a", "regex:["}, {"glob:{"}}).problems() ==
        Texts{"includePaths[1]: invalid regular expression: missing ]: [: write it in the syntax "
              "of RE2",
              R"(excludePaths[0]: invalid glob: '{' has no '}': close it, or write '\{' for the )"
              "character"});
}

TEST_CASE("a path is quoted as Git does it") {
  struct Case {
    std::string path;
    std::string quoted;
  };
  // Recorded from git 2.39, `git log --name-only`.
  const std::vector<Case> cases{
      {"a b/c~d", "a b/c~d"},
      {"caf\xC3\xA9/f", R"("caf\303\251/f")"},
      {"a\"b", R"("a\"b")"},
      {"a\\b", R"("a\\b")"},
      {"\a\b\t\n\v\f\r", R"("\a\b\t\n\v\f\r")"},
      {"\x01\x1f\x7f", R"("\001\037\177")"},
      {"\xFF", R"("\377")"},
      {"a'b*[", "a'b*["},
  };
  for (const auto& [path, quoted] : cases) CHECK(quoted_path(path) == quoted);
}

TEST_CASE("an unusual name counts if it does in either spelling") {
  const std::string path = "apps/caf\xC3\xA9/f";
  // Kargo sees it in quotes, so it is in no folder; the next version may see it unquoted.
  CHECK(may_count({"apps"}, {}, path));
  CHECK(may_count({"\"apps"}, {}, path));
  CHECK(may_count({"glob:*/caf\\\\303*/**"}, {}, path));
  CHECK(may_count({}, {"apps"}, path));
  CHECK(may_count({}, {"\"apps"}, path));
  CHECK_FALSE(may_count({}, {"apps", "\"apps"}, path));
  CHECK_FALSE(may_count({"libs"}, {}, path));
  CHECK_FALSE(may_count({}, {"regex:apps"}, path));
}

TEST_CASE("rules are equal by their texts, and cost a pointer where there are none") {
  CHECK(PathRules() == PathRules({}, {}));
  CHECK(PathRules().empty());
  CHECK(PathRules().include().empty());
  CHECK(PathRules({"a"}, {"b"}) == PathRules({"a"}, {"b"}));
  CHECK_FALSE(PathRules({"a"}, {}) == PathRules({}, {"a"}));
  CHECK_FALSE(PathRules({"a"}, {}) == PathRules());
  CHECK_FALSE(PathRules({}, {"a"}).empty());
  CHECK(sizeof(PathRules) <= 2 * sizeof(void*));
  Subscription filtered;
  filtered.paths = PathRules({"a"}, {});
  CHECK_FALSE(filtered == Subscription());
}

}  // namespace receiver::git
