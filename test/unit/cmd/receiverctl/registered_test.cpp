#include "cmd/receiverctl/registered.h"

#include <catch2/catch.hpp>

#include "cmd/receiverctl/bitbucket.h"
#include "test/support/receiverctl_schema.h"

namespace receiver::ctl {
namespace {

using bitbucket_rest::Action;

Registered with(const std::string& slug, Action action) {
  Registered made{.repository = {bitbucket::Source::kDataCenter, "https://git", "S", slug}};
  made.plan.action = action;
  return made;
}

/// One of each kind.
Report report() {
  Report made{.skipped = {"https://github.com/a/b"}, .outside = {"LOOT/web"}, .notes = {"a note"}};
  made.repositories = {with("made", Action::kCreate), with("moved", Action::kUpdate),
                       with("twice", Action::kDelete), with("right", Action::kNone),
                       with("off", Action::kSkip)};
  made.repositories[1].plan.differences = {
      {"url", "https://h/bitbucket/" + std::string(64, 'a'), "https://h/b"}, {"secret", "", "set"}};
  made.repositories[4].plan.reason = "it is switched off";
  made.repositories.push_back(
      {.repository = with("gone", Action::kNone).repository, .error = "Bitbucket answered 404"});
  made.repositories.push_back({.repository = with("left", Action::kNone).repository,
                               .error = "interrupted",
                               .tried = false});
  return made;
}

}  // namespace

TEST_CASE("what became of each repository is told in words for programs") {
  const std::string json = report_document(report(), false, Format::kJson);
  CHECK(test::schema_problem(json) == "");
  rapidjson::Document document;
  document.Parse(json.c_str());
  std::vector<std::string> told;
  for (const auto& item : document["items"].GetArray()) {
    told.push_back(std::string(item["repository"].GetString()) + " " + item["action"].GetString());
  }
  CHECK(told == std::vector<std::string>{"S/made create", "S/moved update", "S/twice update",
                                         "S/right unchanged", "S/off skipped", "S/gone failed",
                                         "S/left not_tried", "https://github.com/a/b skipped",
                                         "LOOT/web skipped"});
  CHECK_THAT(json, Catch::Contains("\"dryRun\": false") && !Catch::Contains(std::string(64, 'a')));
  CHECK_THAT(report_document(report(), true, Format::kJson), Catch::Contains(std::string(64, 'a')));
  CHECK_THAT(report_document(report(), false, Format::kName),
             Catch::StartsWith("repository/S/made\nrepository/S/moved\n"));
}

TEST_CASE("a table of registrations has a line for each difference, and is wide on demand") {
  CHECK(report_table(report(), false, false, false) ==
        "REPOSITORY   WEBHOOK     DIFFERENCE\n"
        "S/made       created\n"
        "S/moved      updated     url: https://h/bitbucket/aaaaaaaa… → https://h/…\n"
        "                         secret: set\n"
        "S/twice      updated\n"
        "S/right      unchanged\n"
        "S/off        skipped     it is switched off\n"
        "S/gone       failed      Bitbucket answered 404\n"
        "S/left       not tried   interrupted\n");
  CHECK_THAT(report_table(report(), false, true, false),
             Catch::StartsWith("REPOSITORY   SERVER        WEBHOOK     DIFFERENCE\n"
                               "S/made       https://git   created\n"));
}

}  // namespace receiver::ctl
