#include "git/semver.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace receiver::git {
namespace {

bool meets(const std::string& version, const std::string& constraint) {
  const auto parsed_version = parse_version(version);
  const auto parsed_constraint = Constraint::parse(constraint);
  REQUIRE(parsed_version);
  REQUIRE(parsed_constraint);
  return parsed_constraint->met_by(*parsed_version);
}

}  // namespace

TEST_CASE("a version has three numbers, a prerelease and metadata") {
  const auto version = parse_strict_version("1.22.333-rc.1+build.7");
  REQUIRE(version);
  CHECK(version->major == 1);
  CHECK(version->minor == 22);
  CHECK(version->patch == 333);
  CHECK(version->prerelease == "rc.1");
  CHECK(version->metadata == "build.7");
}

TEST_CASE("what is a version, and what is one strictly") {
  struct Case {
    std::string text;
    bool loose;
    bool strict;
  };
  const std::vector<Case> cases{
      {"1.2.3", true, true},
      {"0.0.0", true, true},
      {"1.2.3-0", true, true},
      {"1.2.3--", true, true},
      {"1.2.3-a.b-c.0+x.01", true, true},
      {"18446744073709551615.0.0", true, true},
      {"18446744073709551616.0.0", false, false},
      {"v1.2.3", true, false},
      {"1", true, false},
      {"1.2", true, false},
      {"1.2-rc", true, false},
      {"01.2.3", true, false},
      {"1.02.3", true, false},
      {"", false, false},
      {"v", false, false},
      {"V1.2.3", false, false},
      {"vv1.2.3", false, false},
      {"1.", false, false},
      {"1.2.", false, false},
      {"1.2.3.", false, false},
      {"1.2.3.4", false, false},
      {"1.2.3-", false, false},
      {"1.2.3-01", false, false},
      {"1.2.3-a..b", false, false},
      {"1.2.3-a.", false, false},
      {"1.2.3+", false, false},
      {"1.2.3+a+b", false, false},
      {"1.2.3-é", false, false},
      {" 1.2.3", false, false},
      {"1.2.3\n", false, false},
      {"1.x", false, false},
      {"-1.2.3", false, false},
      {std::string("1.2.3\0", 6), false, false},
      {"1.2.3-" + std::string(kMaxVersionBytes - 6, 'a'), true, true},
      {"1.2.3-" + std::string(kMaxVersionBytes - 5, 'a'), false, false},
  };
  for (const auto& [text, loose, strict] : cases) {
    INFO(text);
    CHECK(parse_version(text).has_value() == loose);
    CHECK(parse_strict_version(text).has_value() == strict);
  }
}

TEST_CASE("versions are ordered by numbers, then by the identifiers of their prereleases") {
  const std::vector<std::string> ascending{
      "0.9.9",        "1.0.0-0",       "1.0.0-2",          "1.0.0-11",
      "1.0.0-alpha",  "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
      "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",       "1.0.0",
      "1.0.1",        "1.2.0",         "1.10.0",           "2.0.0",
      "10.0.0"};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      INFO(ascending[i] << " and " << ascending[j]);
      CHECK((*parse_version(ascending[i]) <=> *parse_version(ascending[j])) == (i <=> j));
    }
  }
}

TEST_CASE("metadata says nothing about order") {
  CHECK(*parse_version("1.2.3+a") == *parse_version("1.2.3+b"));
}

TEST_CASE("which versions meet which constraint") {
  struct Case {
    std::string constraint;
    std::vector<std::string> met_by;
    std::vector<std::string> not_met_by;
  };
  const std::vector<Case> cases{
      {"1.2.3", {"1.2.3", "v1.2.3", "1.2.3+x"}, {"1.2.4", "1.2.3-rc"}},
      {"=1.2.3", {"1.2.3"}, {"1.2.2"}},
      {"!=1.2.3", {"1.2.4", "0.0.0"}, {"1.2.3", "1.2.4-rc"}},
      {"!=1.2", {"1.3.0", "2.2.0"}, {"1.2.0", "1.2.9"}},
      {"!=1.x", {"2.0.0"}, {"1.0.0", "1.9.0"}},
      {">1.2.3", {"1.2.4", "2.0.0"}, {"1.2.3", "1.2.4-rc"}},
      {">1.2", {"1.3.0"}, {"1.2.9"}},
      {">1", {"2.0.0"}, {"1.9.9"}},
      {"<1.2.3", {"1.2.2", "0.9.0"}, {"1.2.3", "1.2.3-rc"}},
      {"<1.2", {"1.1.9"}, {"1.2.0"}},
      {">=1.2", {"1.2.0", "3.0.0"}, {"1.1.9"}},
      {"=>1.2", {"1.2.0"}, {"1.1.9"}},
      {"<=1.2", {"1.2.9", "0.1.0"}, {"1.3.0", "2.0.0"}},
      {"=<1", {"1.9.9"}, {"2.0.0"}},
      {"~1.2.3", {"1.2.3", "1.2.9"}, {"1.2.2", "1.3.0"}},
      {"~>1.2.3", {"1.2.3", "1.2.9"}, {"1.2.2", "1.3.0"}},
      {"~1", {"1.0.0", "1.9.0"}, {"2.0.0"}},
      {"~1.x.9", {"1.0.0", "1.9.0"}, {"2.0.0"}},
      {"~0.0.0", {"0.0.0", "7.0.0"}, {}},
      {"^1.2.3", {"1.2.3", "1.9.0"}, {"1.2.2", "2.0.0"}},
      {"^0.2.3", {"0.2.3", "0.2.9"}, {"0.3.0", "1.2.3"}},
      {"^0.0.3", {"0.0.3"}, {"0.0.4", "0.1.3"}},
      {"^0.0", {"0.0.9"}, {"0.1.0"}},
      {"^0", {"0.9.0"}, {"1.0.0"}},
      {"*", {"0.0.0", "9.9.9"}, {"1.0.0-rc"}},
      {"X", {"0.0.0", "9.9.9"}, {}},
      {"x.y", {}, {}},
      {"1.2.x", {"1.2.0", "1.2.9"}, {"1.3.0"}},
      {"1.2.3 - 2.3.4", {"1.2.3", "2.3.4"}, {"1.2.2", "2.3.5"}},
      {"1.2 - 2", {"1.2.0", "2.9.9"}, {"1.1.0", "3.0.0"}},
      {"1 - 2 || 4 - 5", {"1.0.0", "2.5.0", "4.0.0"}, {"3.0.0", "6.0.0"}},
      {">=1.2 <2", {"1.2.0", "1.9.9"}, {"2.0.0"}},
      {">=1.2, <2, !=1.5.0", {"1.4.0"}, {"1.5.0", "2.0.0"}},
      {" >= 1.2 ,< 2 ", {"1.4.0"}, {"2.0.0"}},
      {"<1 || >=3", {"0.5.0", "3.0.0"}, {"1.0.0", "2.9.9"}},
      // One prerelease admits them to its alternative, and to no other.
      {">=1.0.0-0 <2", {"1.5.0-rc", "2.0.0-rc"}, {"3.0.0-rc"}},
      {">=1.0.0-0 || >=5", {"1.0.0-rc", "6.0.0-rc"}, {"0.9.0-rc"}},
      {">=5.0.0-0 || >=1", {"1.0.0", "6.0.0-rc"}, {"1.5.0-rc"}},
      {">=1.2.3+build", {"1.2.3"}, {"1.2.2"}},
  };
  for (const auto& [constraint, met_by, not_met_by] : cases) {
    if (met_by.empty() && not_met_by.empty()) continue;
    for (const auto& version : met_by) {
      INFO(version << " meets " << constraint);
      CHECK(meets(version, constraint));
    }
    for (const auto& version : not_met_by) {
      INFO(version << " does not meet " << constraint);
      CHECK_FALSE(meets(version, constraint));
    }
  }
}

TEST_CASE("what is no constraint") {
  const std::string text = GENERATE(values<std::string>({
      "",
      " ",
      "||",
      "1 ||",
      "|| 1",
      "1 || || 2",
      "1|2",
      "garbage",
      "x.y",
      ">=a.b.c",
      "^",
      ">",
      "1,",
      ",1",
      "1,,2",
      "1.2.3.4",
      "1.2.3-",
      "1.2.3-01",
      "> =1",
      "==1",
      "><1",
      "1 -2",
      "1 - ",
      "- 1",
      "1 - 2 - 3",
      ">=1 - 2",
      "1 < 2 <",
      "1.2é",
      "18446744073709551616",
      "~ > 1",
      std::string("1\0", 2),
      std::string(kMaxConstraintBytes + 1, '1'),
  }));
  INFO(text);
  CHECK_FALSE(Constraint::parse(text));
}

TEST_CASE("a constraint has a bounded number of alternatives") {
  std::string text = "1";
  for (std::size_t i = 1; i < kMaxConstraintAlternatives; ++i) text += "||1";
  CHECK(Constraint::parse(text));
  CHECK_FALSE(Constraint::parse(text + "||1"));
}

}  // namespace receiver::git
