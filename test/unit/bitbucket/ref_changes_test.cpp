#include "bitbucket/ref_changes.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "test/support/testdata.h"

namespace receiver::bitbucket {

using test::read_body;

namespace {

using Commits = std::vector<Commit>;

const std::string kMain = "refs/heads/main";
const std::string kOld = "9e8adf58ef5b87814490a4fe0cfaacd8f96effc2";
const std::string kNew = "2e5f2917a754dae6815d67b4d0da759259f335e1";

/// A hash of one digit.
std::string hash(char digit) {
  return std::string(40, digit);
}

RefChanges cloud_push(const std::string& change) {
  return parse_ref_changes(Source::kCloud, R"({"push":{"changes":[)" + change + "]}}");
}

RefChanges data_center_push(const std::string& change, const std::string& rest = "") {
  return parse_ref_changes(Source::kDataCenter, R"({"changes":[{"ref":{"id":"refs/heads/main"},)" +
                                                    change + "}]" + rest + "}");
}

/// The commits of a Cloud change with this text for the branch's commit.
Commits commits_of_target(const std::string& target) {
  return cloud_push(R"({"new":{"name":"main","target":)" + target + "}}").commits;
}

}  // namespace

TEST_CASE("a push to Bitbucket Cloud tells its commits") {
  struct Case {
    std::string file;
    std::vector<RefChange> changes;
  };
  const std::vector<Case> cases{
      {"branch_update", {{.ref = kMain, .old_hash = kOld, .new_hash = kNew}}},
      {"branch_force",
       {{.ref = kMain,
         .old_hash = "264a36e43216fd04674de07060c08047643c4bf7",
         .new_hash = "68ee74f7d6afe0164fe0f1197aa9177c946d8834",
         .forced = true}}},
      {"branch_create",
       {{.ref = "refs/heads/feature/late-apples",
         .old_hash = "",
         .new_hash = "90c1858cd843b790a03bdb442879624c45d68a94",
         .created = true,
         .truncated = true}}},
      {"branch_delete",
       {{.ref = "refs/heads/feature/late-apples",
         .old_hash = "90c1858cd843b790a03bdb442879624c45d68a94",
         .new_hash = "",
         .deleted = true}}},
      {"annotated_tag_create",
       {{.ref = "refs/tags/harvest/2026-03", .old_hash = "", .new_hash = kNew, .created = true}}},
      {"no_changes", {}},
  };
  for (const auto& [file, changes] : cases) {
    INFO(file);
    CHECK(parse_ref_changes(Source::kCloud, read_body("cloud/push_" + file + ".json")).changes ==
          changes);
  }
  const auto update = parse_ref_changes(Source::kCloud, read_body("cloud/push_branch_update.json"));
  const auto walk = walk_first_parents(update.commits, kNew, kOld);
  CHECK(walk.reached);
  CHECK(walk.commits == Commits{{kNew, kOld}});
}

TEST_CASE("a push to Data Center tells its commits, in newer versions") {
  struct Case {
    std::string file;
    std::vector<RefChange> changes;
  };
  const RefChange update{.ref = kMain, .old_hash = kOld, .new_hash = kNew};
  const std::vector<Case> cases{
      {"branch_update", {update}},
      {"branch_update_10", {update}},
      {"5_13", {update}},
      {"tag_add",
       {{.ref = "refs/tags/v1.4.0",
         .old_hash = "",
         .new_hash = "e7e627e0d0052e72dbc101aef2878310e3a49b2c",
         .created = true}}},
      {"tag_delete",
       {{.ref = "refs/tags/v1.3.9",
         .old_hash = "9f84ad6b89dc26670c0d6e7a3f81093b41c04438",
         .new_hash = "",
         .deleted = true}}},
      {"several",
       {update,
        {.ref = "refs/tags/v2.0.0", .old_hash = "", .new_hash = kNew, .created = true},
        {.ref = "refs/heads/old/pears",
         .old_hash = "a625406f6977d45c1391b078f4d3656e0b75bfcb",
         .new_hash = "",
         .deleted = true}}},
      {"mirror", {}},
      {"no_changes", {}},
  };
  for (const auto& [file, changes] : cases) {
    INFO(file);
    const std::string body = read_body("data_center/refs_changed_" + file + ".json");
    CHECK(parse_ref_changes(Source::kDataCenter, body).changes == changes);
  }
  for (const std::string file : {"branch_update", "branch_update_10"}) {
    INFO(file);
    const auto read = parse_ref_changes(Source::kDataCenter,
                                        read_body("data_center/refs_changed_" + file + ".json"));
    const auto walk = walk_first_parents(read.commits, kNew, kOld);
    CHECK(walk.reached);
    CHECK(walk.commits == Commits{{kNew, kOld}});
  }
}

TEST_CASE("a push's refs are the same by either pass") {
  struct Case {
    Source source;
    std::string body;
  };
  const std::string change = R"({"new":{"type":"tag","name":"v"}},)";
  std::string many;
  for (std::size_t i = 0; i <= kMaxRefs; ++i) many += change;
  const std::vector<Case> cases{
      {Source::kCloud, read_body("cloud/push_several_changes.json")},
      {Source::kDataCenter, read_body("data_center/refs_changed_several.json")},
      {Source::kCloud, R"({"push":{"changes":[)" + change + R"({"new":{"name":7}}]}})"},
      {Source::kCloud, R"({"push":{"changes":[)" + change + R"({"new":[],"old":{"name":"b"}}]}})"},
      {Source::kCloud, R"({"push":{"changes":[)" + many + R"({"new":{"name":"b"}}]}})"},
      {Source::kCloud, R"({"push":{"changes":{"new":{"name":"b"}}}})"},
      {Source::kCloud, R"({"push":{"changes":[{"new":{"name":"a"}}]},"push":{}})"},
      {Source::kDataCenter, R"({"changes":[{"ref":{"id":"main"}}]})"},
      {Source::kDataCenter, R"({"changes":[{"ref":{"id":"refs/heads/a"},"ref":{}}]})"},
      {Source::kDataCenter, R"({"refLimitExceeded":true,"changes":[{"ref":{"id":"refs/a"}}]})"},
      {Source::kDataCenter, R"({"changes":[{"ref":{"id":"refs/heads/a"}}]})"},
  };
  for (const auto& [source, body] : cases) {
    INFO(body.substr(0, 80));
    const auto payload = parse_payload({source, Action::kRefreshWarehouses}, body);
    REQUIRE(payload);
    std::vector<std::string> refs;
    for (const RefChange& each : parse_ref_changes(source, body).changes) refs.push_back(each.ref);
    CHECK(refs == std::get<Push>(*payload).refs);
  }
}

TEST_CASE("of another type than expected counts as absent") {
  const std::string target = R"({"hash":")" + kNew + R"(","parents":[{"hash":")" + kOld + R"("}]})";
  const std::string now = R"("new":{"name":"main","target":)" + target + "}";
  const auto only = [](const RefChanges& read) {
    REQUIRE(read.changes.size() == 1);
    return read.changes[0];
  };
  CHECK(only(cloud_push("{" + now + R"(,"forced":true,"truncated":true})")) ==
        RefChange{.ref = kMain,
                  .old_hash = "",
                  .new_hash = kNew,
                  .created = true,
                  .forced = true,
                  .truncated = true});
  CHECK(only(cloud_push("{" + now + R"(,"forced":"true","truncated":1,"old":[],"closed":null})")) ==
        RefChange{.ref = kMain, .old_hash = "", .new_hash = kNew, .created = true});
  for (const std::string odd : {"null", "7", "[]", "\"x\"", R"({"hash":7,"parents":[]})",
                                R"({"hash":"abc","parents":[]})"}) {
    INFO(odd);
    CHECK(only(cloud_push(R"({"new":{"name":"main","target":)" + odd + "}}")).new_hash.empty());
  }
  CHECK(only(data_center_push(R"("fromHash":7,"toHash":[])")) ==
        RefChange{.ref = kMain, .old_hash = "", .new_hash = "", .created = true, .deleted = true});
  CHECK(parse_ref_changes(Source::kCloud, "").changes.empty());
  CHECK(parse_ref_changes(Source::kCloud, "[]").changes.empty());
  CHECK(parse_ref_changes(Source::kDataCenter, R"({"changes":[{"ref":{"id":"refs/heads/a"}}]} x)")
            .changes.empty());
}

TEST_CASE("a commit is known by its hash and its first parent, or not at all") {
  const std::string id = R"("hash":")" + kNew + "\"";
  const std::string parent = R"({"hash":")" + kOld + R"("})";
  CHECK(commits_of_target("{" + id + R"(,"parents":[)" + parent + "]}") == Commits{{kNew, kOld}});
  CHECK(commits_of_target("{" + id + R"(,"parents":[)" + parent + R"(,{"hash":")" + hash('a') +
                          R"("},7]})") == Commits{{kNew, kOld}});
  CHECK(commits_of_target("{" + id + R"(,"parents":[]})") == Commits{{kNew, ""}});
  const std::vector<std::string> unreadable{"null",
                                            "{}",
                                            "7",
                                            R"(["x"])",
                                            R"([{}])",
                                            R"([{"hash":null}])",
                                            R"([{"hash":"abc"}])",
                                            R"([7,)" + parent + "]"};
  for (const std::string& parents : unreadable) {
    INFO(parents);
    CHECK(commits_of_target("{" + id + R"(,"parents":)" + parents + "}").empty());
  }
  CHECK(commits_of_target("{" + id + "}").empty());
  CHECK(commits_of_target(R"({"parents":[]})").empty());
}

TEST_CASE("a hash is forty digits, none of them a capital letter") {
  CHECK(is_commit_hash(kNew));
  for (const std::string& text : {std::string(), hash('0'), hash('A'), hash('g'), kNew.substr(1),
                                  kNew + "0", std::string(39, 'a') + " "}) {
    INFO(text);
    CHECK_FALSE(is_commit_hash(text));
  }
}

TEST_CASE("the commits of a payload are bounded in number") {
  std::string commits;
  for (std::size_t i = 0; i < 2 * kMaxCommits; ++i) {
    commits += R"({"id":")" + kNew + R"(","parents":[]},)";
  }
  const auto read =
      data_center_push(R"("toHash":")" + kNew + "\"", R"(,"commits":[)" + commits + "{}]");
  CHECK(read.commits.size() == kMaxCommits);
  CHECK(read.changes.size() == 1);
}

TEST_CASE("first parents are walked from the new commit back to the old one") {
  const auto commit = [](char of, char parent) { return Commit{hash(of), hash(parent)}; };
  const Commits line{commit('f', 'e'), commit('e', 'd'), commit('d', 'c'),
                     commit('c', 'b'), commit('b', 'a'), {hash('a'), ""}};
  struct Case {
    const char* why;
    Commits known;
    std::string from;
    std::string to;
    std::size_t steps;
    bool reached;
  };
  const std::vector<Case> cases{
      {"one step", line, hash('f'), hash('e'), 1, true},
      {"as many as there may be", line, hash('f'), hash('a'), kMaxSteps, true},
      {"in any order", {line.rbegin(), line.rend()}, hash('f'), hash('a'), kMaxSteps, true},
      {"one more",
       {{hash('1'), hash('f')}, line[0], line[1], line[2], line[3], line[4]},
       hash('1'),
       hash('a'),
       kMaxSteps,
       false},
      {"a commit that is not known", {line[0], line[2]}, hash('f'), hash('c'), 1, false},
      {"the new one is not known", {line[1]}, hash('f'), hash('e'), 0, false},
      {"beyond the root", line, hash('b'), hash('9'), 2, false},
      {"a circle", {commit('f', 'e'), commit('e', 'f')}, hash('f'), hash('a'), kMaxSteps, false},
      {"from nothing", line, hash('a'), "", 0, false},
      {"to itself", line, hash('f'), hash('f'), kMaxSteps, false},
      {"nothing known", {}, hash('f'), hash('e'), 0, false},
  };
  for (const auto& [why, known, from, to, steps, reached] : cases) {
    INFO(why);
    const auto walk = walk_first_parents(known, from, to);
    CHECK(walk.reached == reached);
    CHECK(walk.commits.size() == steps);
    if (steps > 0) CHECK(walk.commits[0].hash == from);
  }
}

}  // namespace receiver::bitbucket
