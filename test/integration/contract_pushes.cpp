#include <fmt/format.h>

#include "test/integration/contract.h"

namespace receiver::test {

const std::vector<Subscription> kCloudWarehouses{
    {"any-branch", "https://bitbucket.org/kargo-orchard/fruit-basket", ""},
    {"main", "https://bitbucket.org/kargo-orchard/fruit-basket", R"("branch": "main")"},
    {"main-by-user", "https://okeeper@bitbucket.org/kargo-orchard/fruit-basket.git",
     R"("branch": "main")"},
    {"main-by-ssh", "git@bitbucket.org:kargo-orchard/fruit-basket.git", R"("branch": "main")"},
    {"main-by-altssh", "ssh://git@altssh.bitbucket.org:443/kargo-orchard/fruit-basket.git",
     R"("branch": "main")"},
    {"main-upper-case", "https://bitbucket.org/Kargo-Orchard/Fruit-Basket", R"("branch": "main")"},
    {"feature", "https://bitbucket.org/kargo-orchard/fruit-basket",
     R"("branch": "feature/late-apples")"},
    {"pears", "https://bitbucket.org/kargo-orchard/fruit-basket", R"("branch": "old/pears")"},
    {"newest-tag", "https://bitbucket.org/kargo-orchard/fruit-basket",
     R"("commitSelectionStrategy": "NewestTag")"},
    {"semver-1", "https://bitbucket.org/kargo-orchard/fruit-basket",
     R"("commitSelectionStrategy": "SemVer", "semverConstraint": "^1.0.0")"},
    {"harvests", "https://bitbucket.org/kargo-orchard/fruit-basket",
     R"("commitSelectionStrategy": "Lexical", "allowTagsRegexes": ["^harvest/"])"},
    {"broken", "https://bitbucket.org/kargo-orchard/fruit-basket",
     R"("commitSelectionStrategy": "SemVer", "semverConstraint": "not one")"},
    {"other-repository", "https://bitbucket.org/kargo-orchard/fruit-basket-2", ""},
};

const std::vector<Subscription> kDataCenterWarehouses{
    {"dc-any-branch", "https://git.orchard.example/scm/orch/fruit-basket.git", ""},
    {"dc-main", "https://git.orchard.example/scm/orch/fruit-basket.git", R"("branch": "main")"},
    {"dc-main-upper-case", "https://okeeper@git.orchard.example/scm/ORCH/fruit-basket",
     R"("branch": "main")"},
    {"dc-main-by-ssh", "ssh://git@git.orchard.example:7999/orch/fruit-basket.git",
     R"("branch": "main")"},
    {"dc-main-by-ssh-proxy", "ssh://bitbucket@git.orchard.example/orch/fruit-basket.git",
     R"("branch": "main")"},
    {"dc-feature", "https://git.orchard.example/scm/orch/fruit-basket.git",
     R"("branch": "feature/late-apples")"},
    {"dc-pears", "https://git.orchard.example/scm/orch/fruit-basket.git",
     R"("branch": "old/pears")"},
    {"dc-newest-tag", "https://git.orchard.example/scm/orch/fruit-basket.git",
     R"("commitSelectionStrategy": "NewestTag")"},
    {"dc-semver-1", "https://git.orchard.example/scm/orch/fruit-basket.git",
     R"("commitSelectionStrategy": "SemVer", "semverConstraint": "^1.0.0")"},
    {"dc-harvests", "https://git.orchard.example/scm/orch/fruit-basket.git",
     R"("commitSelectionStrategy": "Lexical", "allowTagsRegexes": ["^harvest/"])"},
    {"dc-broken", "https://git.orchard.example/scm/orch/fruit-basket.git",
     R"("commitSelectionStrategy": "NewestTag", "allowTagsRegexes": ["("])"},
    {"dc-context-path", "http://git.orchard.example:7990/bitbucket/scm/orch/fruit-basket.git",
     R"("branch": "main")"},
    {"dc-personal", "https://git.orchard.example/scm/~grafter/seedlings.git", ""},
    {"dc-personal-by-ssh", "ssh://git@git.orchard.example:7999/~grafter/seedlings.git", ""},
    {"dc-other-repository", "https://git.orchard.example/scm/orch/fruit-basket-2.git", ""},
};

namespace {

constexpr const char* kCloudHtml =
    R"({"html": {"href": "https://bitbucket.org/kargo-orchard/fruit-basket"}})";
constexpr const char* kMainChange = R"({"old": null, "new": {"type": "branch", "name": "main"}})";
constexpr const char* kHttpClone =
    R"({"name": "http", "href": "https://git.orchard.example/scm/orch/fruit-basket.git"})";
constexpr const char* kMainRef = R"({"ref": {"id": "refs/heads/main"}, "type": "UPDATE"})";

// Which Warehouses of Cloud's repository a ref may affect, and of Data Center's.
const Names kMain =
    names("any-branch broken main main-by-user main-by-ssh main-by-altssh main-upper-case");
const Names kFeature = names("any-branch broken feature");
const Names kPears = names("any-branch broken pears");
const Names kVersion1 = names("broken newest-tag semver-1");
const Names kVersion2 = names("broken newest-tag");
const Names kHarvest = names("broken newest-tag harvests");
const Names kCloudAll = kMain + kFeature + kPears + kVersion1 + kHarvest;

const Names kDcMainByHttp = names("dc-any-branch dc-broken dc-main dc-main-upper-case");
const Names kDcMainBySsh = names("dc-main-by-ssh dc-main-by-ssh-proxy");
const Names kDcMain = kDcMainByHttp + kDcMainBySsh;
const Names kDcFeature = names("dc-any-branch dc-broken dc-feature");
const Names kDcPears = names("dc-any-branch dc-broken dc-pears");
const Names kDcVersion1 = names("dc-broken dc-newest-tag dc-semver-1");
const Names kDcVersion2 = names("dc-broken dc-newest-tag");
const Names kDcHarvest = names("dc-broken dc-newest-tag dc-harvests");
const Names kDcAll = kDcMain + kDcFeature + kDcPears + kDcVersion1 + kDcHarvest;

Case push(std::string name, SentRequest sent, const Names& refreshed) {
  return {std::move(name), std::move(sent), refreshed_warehouses(refreshed.size()), refreshed};
}

SentRequest cloud(const std::string& repository, const std::string& push) {
  return signed_delivery("repo:push",
                         fmt::format(R"({{"repository": {}, "push": {}}})", repository, push));
}

SentRequest cloud_with_links(const std::string& links) {
  return cloud(fmt::format(R"({{"links": {}}})", links),
               fmt::format(R"({{"changes": [{}]}})", kMainChange));
}

SentRequest cloud_with_changes(const std::string& changes) {
  return cloud(fmt::format(R"({{"links": {}}})", kCloudHtml),
               fmt::format(R"({{"changes": {}}})", changes));
}

SentRequest data_center(const std::string& clone, const std::string& changes) {
  return signed_delivery(
      "repo:refs_changed",
      fmt::format(R"({{"repository": {{"links": {{"clone": {}}}}}, "changes": {}}})", clone,
                  changes));
}

SentRequest data_center_with_clone(const std::string& clone) {
  return data_center(clone, fmt::format("[{}]", kMainRef));
}

SentRequest data_center_with_changes(const std::string& changes) {
  return data_center(fmt::format("[{}]", kHttpClone), changes);
}

/// The links of a fork's repository: its own, and its parent's, which name the repository of most
/// Warehouses.
const std::string kLinksOfFork =
    R"("links": {"clone": [{"name": "http", )"
    R"("href": "https://git.orchard.example/scm/~grafter/seedlings.git"}]})";
const std::string kOriginOfFork =
    fmt::format(R"("origin": {{"slug": "fruit-basket", "links": {{"clone": [{}]}}}})", kHttpClone);

SentRequest fork(const std::string& members) {
  return signed_delivery(
      "repo:refs_changed",
      fmt::format(R"({{"repository": {{{}}}, "changes": [{}]}})", members, kMainRef));
}

constexpr Oddity kCloudLinksThatNameNothing[]{
    {"links null", "null"},
    {"links a string", R"("boom")"},
    {"links a list", "[]"},
    {"links empty", "{}"},
    {"html null", R"({"html": null})"},
    {"html a string", R"({"html": "https://bitbucket.org/kargo-orchard/fruit-basket"})"},
    {"html a list of null", R"({"html": [null]})"},
    {"href missing", R"({"html": {}})"},
    {"href null", R"({"html": {"href": null}})"},
    {"href a number", R"({"html": {"href": 7}})"},
    {"href a list", R"({"html": {"href": ["https://bitbucket.org/kargo-orchard/fruit-basket"]}})"},
    {"href empty", R"({"html": {"href": ""}})"},
    {"href no URL", R"({"html": {"href": "fruit-basket"}})"},
};

constexpr Oddity kCloudChangesOfUnknownRefs[]{
    {"changes empty", "[]"},
    {"changes null", "null"},
    {"changes an object", "{}"},
    {"changes a string", R"("boom")"},
    {"a change null", "[null]"},
    {"a change empty", "[{}]"},
    {"new and old null", R"([{"new": null, "old": null}])"},
    {"new a string", R"([{"new": "main"}])"},
    {"new a list", R"([{"new": [{"name": "main"}]}])"},
    {"no name", R"([{"new": {"type": "branch"}}])"},
    {"a name that is no string", R"([{"new": {"type": "branch", "name": 7}}])"},
    {"one change of two null", R"([{"new": {"type": "branch", "name": "main"}}, null])"},
};

constexpr Oddity kDataCenterClonesThatNameNothing[]{
    {"clone null", "null"},
    {"clone a string", R"("boom")"},
    {"clone an object", R"({"href": "https://git.orchard.example/scm/orch/fruit-basket.git"})"},
    {"clone empty", "[]"},
    {"a clone null", "[null]"},
    {"a clone a string", R"(["https://git.orchard.example/scm/orch/fruit-basket.git"])"},
    {"href missing", R"([{"name": "http"}])"},
    {"href a number", R"([{"name": "http", "href": 7}])"},
    {"href a list", R"([{"name": "http", "href": []}])"},
};

constexpr Oddity kDataCenterChangesOfUnknownRefs[]{
    {"changes empty", "[]"},
    {"changes null", "null"},
    {"changes an object", "{}"},
    {"a change null", "[null]"},
    {"ref null", R"([{"ref": null}])"},
    {"ref a string", R"([{"ref": "refs/heads/main"}])"},
    {"id missing", R"([{"ref": {"displayId": "main"}, "refId": "refs/heads/main"}])"},
    {"id null", R"([{"ref": {"id": null}}])"},
    {"id no full name", R"([{"ref": {"id": "main"}}])"},
    {"one change of two null", R"([{"ref": {"id": "refs/heads/main"}}, null])"},
};

}  // namespace

std::vector<Case> cloud_pushes() {
  const auto recorded = [](const char* file) {
    return recorded_delivery("repo:push", std::string("cloud/") + file + ".json");
  };
  const std::string body = cloud_with_links(kCloudHtml).body;
  std::vector<Case> cases{
      push("Cloud: branch created, commits truncated", recorded("push_branch_create"), kFeature),
      push("Cloud: branch updated", recorded("push_branch_update"), kMain),
      push("Cloud: branch forced", recorded("push_branch_force"), kMain),
      push("Cloud: branch deleted", recorded("push_branch_delete"), kFeature),
      push("Cloud: tag created", recorded("push_tag_create"), kVersion1),
      push("Cloud: annotated tag with a slash created", recorded("push_annotated_tag_create"),
           kHarvest),
      push("Cloud: tag deleted", recorded("push_tag_delete"), kVersion1),
      push("Cloud: branch, tag and deletion in one push", recorded("push_several_changes"),
           kMain + kVersion2 + kPears),
      push("Cloud: no changes", recorded("push_no_changes"), kCloudAll),

      push("Cloud: changes missing", cloud(fmt::format(R"({{"links": {}}})", kCloudHtml), "{}"),
           kCloudAll),
      push("Cloud: push null", cloud(fmt::format(R"({{"links": {}}})", kCloudHtml), "null"),
           kCloudAll),
      push("Cloud: repository null", cloud("null", R"({"changes": []})"), {}),
      push("Cloud: repository a list", cloud("[null]", R"({"changes": []})"), {}),
      push("Cloud: repository missing", signed_delivery("repo:push", R"({"push": {}})"), {}),
      push("Cloud: an empty object", signed_delivery("repo:push", "{}"), {}),
      push("Cloud: another repository's name is longer",
           cloud_with_links(
               R"({"html": {"href": "https://bitbucket.org/kargo-orchard/fruit-basket-2"}})"),
           names("other-repository")),
      push("Cloud: workspace in upper case",
           cloud_with_links(
               R"({"html": {"href": "https://bitbucket.org/KARGO-ORCHARD/fruit-basket"}})"),
           kMain),
      push("Cloud: host in upper case, and a slash at the end",
           cloud_with_links(
               R"({"html": {"href": "https://BitBucket.org/kargo-orchard/fruit-basket/"}})"),
           kMain),
      push("Cloud: a repository that nobody subscribes to",
           cloud_with_links(R"({"html": {"href": "https://bitbucket.org/kargo-orchard/x"}})"), {}),
      push("Cloud: no type is a branch", cloud_with_changes(R"([{"new": {"name": "main"}}])"),
           kMain),
      push("Cloud: old counts when new is of another type",
           cloud_with_changes(R"([{"new": "x", "old": {"type": "branch", "name": "old/pears"}}])"),
           kPears),
      push("Cloud: a branch with the name of a tag",
           cloud_with_changes(R"([{"new": {"type": "branch", "name": "v1.4.0"}}])"),
           names("any-branch broken")),
      push("Cloud: a tag of four numbers is no version",
           cloud_with_changes(R"([{"new": {"type": "tag", "name": "v1.2.3.4"}}])"), kVersion2),
      push("Cloud: epoch and ISO dates, nulls and unknown fields",
           signed_delivery("repo:push",
                           R"({"date": 1784192400000, "unknown": [{"x": null}], "actor": null, )" +
                               body.substr(1)),
           kMain),
      push("the header's event counts: a Cloud push said to be Data Center's",
           signed_delivery("repo:refs_changed", body), {}),
  };
  for (const auto& [name, links] : kCloudLinksThatNameNothing) {
    cases.push_back(push(std::string("Cloud: ") + name, cloud_with_links(links), {}));
  }
  for (const auto& [name, changes] : kCloudChangesOfUnknownRefs) {
    cases.push_back(push(std::string("Cloud: ") + name, cloud_with_changes(changes), kCloudAll));
  }
  return cases;
}

std::vector<Case> data_center_pushes() {
  const auto recorded = [](const char* file) {
    return recorded_delivery("repo:refs_changed", std::string("data_center/") + file + ".json");
  };
  std::vector<Case> cases{
      push("Data Center: branch added, ssh link first", recorded("refs_changed_branch_add"),
           kDcFeature),
      push("Data Center: branch updated", recorded("refs_changed_branch_update"), kDcMain),
      push("Data Center 10: branch updated, ISO dates", recorded("refs_changed_branch_update_10"),
           kDcMain),
      push("Data Center: branch deleted", recorded("refs_changed_branch_delete"), kDcFeature),
      push("Data Center: tag added", recorded("refs_changed_tag_add"), kDcVersion1),
      push("Data Center: tag with a slash added", recorded("refs_changed_tag_with_slash"),
           kDcHarvest),
      push("Data Center: tag deleted", recorded("refs_changed_tag_delete"), kDcVersion1),
      push("Data Center: branch, tag and deletion in one push", recorded("refs_changed_several"),
           kDcMain + kDcVersion2 + kDcPears),
      push("Data Center: no changes", recorded("refs_changed_no_changes"), kDcAll),
      push("Data Center: a mirror's event in the body", recorded("refs_changed_mirror"), kDcAll),
      push("Data Center: http link only", recorded("refs_changed_http_only"), kDcMainByHttp),
      push("Data Center: ssh link only", recorded("refs_changed_ssh_only"), kDcMainBySsh),
      push("Data Center: context path and port", recorded("refs_changed_context_path"),
           kDcMainBySsh + names("dc-context-path")),
      push("Data Center: personal repository", recorded("refs_changed_personal"),
           names("dc-personal dc-personal-by-ssh")),
      push("Data Center before 5.14: no links", recorded("refs_changed_5_13"), {}),

      push("Data Center: changes missing",
           signed_delivery(
               "repo:refs_changed",
               fmt::format(R"({{"repository": {{"links": {{"clone": [{}]}}}}}})", kHttpClone)),
           kDcAll - kDcMainBySsh),
      push("Data Center: links null",
           signed_delivery("repo:refs_changed", R"({"repository": {"links": null}})"), {}),
      push("Data Center: links a string",
           signed_delivery("repo:refs_changed", R"({"repository": {"links": "boom"}})"), {}),
      push("Data Center: repository null",
           signed_delivery("repo:refs_changed", R"({"repository": null, "changes": null})"), {}),
      push("Data Center: a good link beside null",
           data_center_with_clone(fmt::format("[null, {}]", kHttpClone)), kDcMainByHttp),
      push("Data Center: a link by http counts as https",
           data_center_with_clone(
               R"([{"href": "http://git.orchard.example/scm/orch/fruit-basket.git"}])"),
           kDcMainByHttp),
      push("Data Center: default port and key in upper case",
           data_center_with_clone(
               R"([{"href": "https://git.orchard.example:443/scm/ORCH/fruit-basket.git"}])"),
           kDcMainByHttp),
      push("Data Center: another port is another server",
           data_center_with_clone(
               R"([{"href": "https://git.orchard.example:8443/scm/orch/fruit-basket.git"}])"),
           {}),
      push("Data Center: display name of a branch that is none",
           data_center_with_changes(
               R"([{"ref": {"id": "refs/heads/x", "displayId": "main"}, "type": "UPDATE"}])"),
           names("dc-any-branch dc-broken")),
      push(
          "Data Center: too many refs to list",
          signed_delivery(
              "repo:refs_changed",
              fmt::format(
                  R"({{"refLimitExceeded": true, "repository": {{"links": {{"clone": [{}]}}}}, "changes": [{}]}})",
                  kHttpClone, kMainRef)),
          kDcAll - kDcMainBySsh),
      push("Data Center: a tag of four numbers is no version",
           data_center_with_changes(R"([{"ref": {"id": "refs/tags/1.2.3.4"}, "type": "ADD"}])"),
           kDcVersion2),
      push("Data Center: a fork whose parent comes before its own links",
           fork(fmt::format("{}, {}", kOriginOfFork, kLinksOfFork)), names("dc-personal")),
      push("Data Center: a fork whose parent comes after its own links",
           fork(fmt::format("{}, {}", kLinksOfFork, kOriginOfFork)), names("dc-personal")),
      push(
          "Data Center: commits, toCommit and hierarchyId as newer ones send them",
          signed_delivery(
              "repo:refs_changed",
              fmt::format(
                  R"({{"repository": {{"hierarchyId": "3ee3b0d6e8ad1b1a9b65", "links": {{"clone": [{}]}}}}, )"
                  R"("changes": [{}], "commits": [{{"id": "ecddabb6", "displayId": "ecddabb", )"
                  R"("author": {{"name": "okeeper", "links": {{"self": [{{"href": "https://x"}}]}}}}, )"
                  R"("message": "refs/heads/dev", "parents": [{{"id": "178864a7"}}]}}], )"
                  R"("toCommit": {{"id": "ecddabb6", "parents": [{{"id": "178864a7", )"
                  R"("message": "refs/heads/dev"}}]}}}})",
                  kHttpClone, kMainRef)),
          kDcMainByHttp),
      push("the header's event counts: a Data Center push said to be Cloud's",
           signed_delivery("repo:push",
                           data_center_with_clone(fmt::format("[{}]", kHttpClone)).body),
           {}),
  };
  for (const auto& [name, clone] : kDataCenterClonesThatNameNothing) {
    cases.push_back(push(std::string("Data Center: ") + name, data_center_with_clone(clone), {}));
  }
  for (const auto& [name, changes] : kDataCenterChangesOfUnknownRefs) {
    cases.push_back(push(std::string("Data Center: ") + name, data_center_with_changes(changes),
                         kDcAll - kDcMainBySsh));
  }
  return cases;
}

}  // namespace receiver::test
