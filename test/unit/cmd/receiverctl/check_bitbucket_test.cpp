#include "cmd/receiverctl/check_bitbucket.h"

#include <catch2/catch.hpp>

namespace receiver::ctl {
namespace {

using bitbucket_rest::ApiFailure;

constexpr const char* kServer = "https://git.example.com/context";

AskedRepositories::Refusal refusal(const std::string& repository, const std::string& message) {
  return {repository, {.kind = ApiFailure::kForbidden, .message = message}};
}

}  // namespace

TEST_CASE("what a token can read, and what it cannot, is told line by line") {
  struct Row {
    AskedRepositories asked;
    std::vector<std::pair<Level, std::string>> told;
  };
  const std::pair no_use(Level::kWarning,
                         "no Warehouse subscribes to a repository at https://git.example.com/"
                         "context, so its token has no effect");
  const std::pair left_out(Level::kWarning,
                           "3 more repositories not checked, to save the token's hourly limit");
  const std::pair near(Level::kWarning,
                       "Bitbucket says that most of the token's requests of this hour are used");
  const auto reads = [](const std::string& count) {
    return std::pair(Level::kOk,
                     "its token can read " + count + " at https://git.example.com/context");
  };
  const auto fails = [](const std::string& repository, const std::string& why) {
    return std::pair(Level::kFailure, repository + " at https://git.example.com/context: " + why);
  };
  const std::vector<Row> rows{
      {{.server = kServer, .readable = 1}, {reads("1 subscribed repository")}},
      {{.server = kServer, .readable = 2}, {reads("2 subscribed repositories")}},
      {{.server = kServer}, {no_use}},
      {{.server = kServer, .refusals = {refusal("shop/app", "no")}}, {fails("shop/app", "no")}},
      {{.server = kServer,
        .readable = 1,
        .refusals = {refusal("shop/app", "no"), refusal("shop/web", "never")}},
       {fails("shop/app", "no"), fails("shop/web", "never"), reads("1 subscribed repository")}},
      {{.server = kServer, .readable = 50, .not_asked = 3, .near_limit = true},
       {reads("50 subscribed repositories"), left_out, near}},
      {{.server = kServer, .readable = 50, .not_asked = 1},
       {reads("50 subscribed repositories"),
        {Level::kWarning, "1 more repository not checked, to save the token's hourly limit"}}},
      {{.server = kServer, .refusals = {refusal("shop/app", "no")}, .near_limit = true},
       {fails("shop/app", "no"), near}},
  };
  for (const Row& row : rows) {
    std::vector<std::pair<Level, std::string>> told;
    for (const Finding& finding : judge_repositories("demo/bb", row.asked)) {
      CHECK(finding.subject == "Bitbucket of demo/bb");
      CHECK(finding.remedy.empty() == (finding.level == Level::kOk));
      told.emplace_back(finding.level, finding.message);
    }
    CHECK(told == row.told);
  }
}

}  // namespace receiver::ctl
