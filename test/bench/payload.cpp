#include "test/bench/payload.h"

#include <fmt/format.h>

namespace receiver::bench {
namespace {

constexpr std::string_view kApi = "https://api.bitbucket.org/2.0/repositories/";
constexpr std::string_view kWeb = "https://bitbucket.org/";

std::string link(std::string_view name, std::string_view href) {
  return fmt::format(R"("{}":{{"href":"{}"}})", name, href);
}

std::string user() {
  return R"({"display_name":"Load Generator","links":{)" +
         link("self",
              "https://api.bitbucket.org/2.0/users/%7B3f1c7a52-0d2b-4b7e-9c55-2a8d1f6e4b90%7D") +
         "," + link("avatar", "https://avatar-management.example.com/initials/LG-3.png") + "," +
         link("html", "https://bitbucket.org/%7B3f1c7a52-0d2b-4b7e-9c55-2a8d1f6e4b90%7D/") +
         R"(},"type":"user","uuid":"{3f1c7a52-0d2b-4b7e-9c55-2a8d1f6e4b90}",)"
         R"("account_id":"557058:6b1f8d04-91c3-4f0e-8a72-5d3e9c7b2a16","nickname":"load"})";
}

std::string commit(std::string_view repository, int number) {
  const std::string hash = fmt::format("{:040x}", 0x5eed0000 + number);
  return fmt::format(
             R"({{"type":"commit","hash":"{}","date":"2026-03-04T05:06:07+00:00",)"
             R"("author":{{"type":"author","raw":"Load Generator <load@example.com>","user":)",
             hash) +
         user() +
         fmt::format(
             R"(}},"message":"Change number {0}\n\nWhat it changes and why, in a few )"
             R"(words.\n","summary":{{"type":"rendered","raw":"Change number {0}","markup":)"
             R"("markdown","html":"<p>Change number {0}</p>"}},"links":{{)",
             number) +
         link("self", fmt::format("{}{}/commit/{}", kApi, repository, hash)) + "," +
         link("html", fmt::format("{}{}/commits/{}", kWeb, repository, hash)) + "," +
         link("diff", fmt::format("{}{}/diff/{}", kApi, repository, hash)) + "," +
         link("statuses", fmt::format("{}{}/commit/{}/statuses", kApi, repository, hash)) +
         R"(},"parents":[],"rendered":{},"properties":{}})";
}

std::string reference(std::string_view repository, std::string_view branch, int number) {
  return fmt::format(R"({{"name":"{}","type":"branch","target":)", branch) +
         commit(repository, number) + R"(,"links":{)" +
         link("self", fmt::format("{}{}/refs/branches/{}", kApi, repository, branch)) + "," +
         link("commits", fmt::format("{}{}/commits/{}", kApi, repository, branch)) + "," +
         link("html", fmt::format("{}{}/branch/{}", kWeb, repository, branch)) +
         R"(},"merge_strategies":["merge_commit","squash","fast_forward"],)"
         R"("default_merge_strategy":"merge_commit"})";
}

std::string data_center_user() {
  return R"({"name":"load","emailAddress":"load@example.com","active":true,"displayName":)"
         R"("Load Generator","id":1042,"slug":"load","type":"NORMAL"})";
}

/// Its parents are a JSON array.
std::string data_center_commit(std::string_view hash, std::string_view parents) {
  return fmt::format(R"({{"id":"{}","displayId":"{}","author":{},"authorTimestamp":1774036800000,)"
                     R"("committer":{},"committerTimestamp":1774036800000,"message":)"
                     R"("What it changes and why, in a few words.\n\n","parents":{}}})",
                     hash, hash.substr(0, 11), data_center_user(), data_center_user(), parents);
}

}  // namespace

std::string long_cloud_push(std::string_view repository, std::string_view branch) {
  std::string commits;
  for (int number = 2; number > 0; --number) {
    commits += commit(repository, number) + (number > 1 ? "," : "");
  }
  return fmt::format(R"({{"repository":{{"type":"repository","full_name":"{}","name":"load",)",
                     repository) +
         R"("scm":"git","is_private":true,"links":{)" +
         link("self", fmt::format("{}{}", kApi, repository)) + "," +
         link("html", fmt::format("{}{}", kWeb, repository)) + R"(},"owner":)" + user() +
         R"(},"actor":)" + user() + R"(,"push":{"changes":[{"old":)" +
         reference(repository, branch, 0) + R"(,"new":)" + reference(repository, branch, 2) +
         R"(,"truncated":false,"created":false,"forced":false,"closed":false,"links":{)" +
         link("commits", fmt::format("{}{}/commits?include=5eed0002", kApi, repository)) +
         R"(},"commits":[)" + commits + "]}]}}";
}

std::string long_data_center_push(std::string_view clone_url, std::string_view commit,
                                  std::string_view parent) {
  const std::string before = data_center_commit(parent, "[]");
  const std::string after = data_center_commit(commit, "[" + before + "]");
  return R"({"eventKey":"repo:refs_changed","date":"2026-03-14T11:20:01+0000","actor":)" +
         data_center_user() +
         fmt::format(
             R"(,"repository":{{"slug":"load","id":512,"name":"Load","hierarchyId":)"
             R"("e959e14e1c13685743f9","scmId":"git","state":"AVAILABLE","statusMessage":)"
             R"("Available","forkable":true,"project":{{"key":"ACME","id":77,"name":"Acme",)"
             R"("description":"What is deployed, and when","public":false,"type":"NORMAL"}},"public":false,"archived":false,"links":)"
             R"({{"clone":[{{"href":"{}","name":"http"}}]}}}},)",
             clone_url) +
         fmt::format(R"("changes":[{{"ref":{{"id":"refs/heads/main","displayId":"main","type":)"
                     R"("BRANCH"}},"refId":"refs/heads/main","fromHash":"{}","toHash":"{}",)"
                     R"("type":"UPDATE"}}],"commits":[{}],"toCommit":{}}})",
                     parent, commit, after, after);
}

}  // namespace receiver::bench
