#include "cmd/receiverctl/explain.h"

#include <string>

#include <catch2/catch.hpp>

#include "test/support/testdata.h"

namespace receiver::ctl {

TEST_CASE("the event of a saved payload is guessed by what stands in it") {
  struct Row {
    const char* file;
    const char* event;  ///< nullptr: the payload does not show its event
  };
  const std::vector<Row> rows{
      {"cloud/push_branch_update", "repo:push"},
      {"cloud/push_no_changes", "repo:push"},
      {"cloud/pull_request_fulfilled", "pullrequest:fulfilled"},
      {"data_center/refs_changed_several", "repo:refs_changed"},
      {"data_center/refs_changed_ssh_only", "repo:refs_changed"},
      {"data_center/pull_request_merged_10", "pr:merged"},
      {"data_center/refs_changed_5_13", nullptr},
  };
  for (const Row& row : rows) {
    INFO(row.file);
    const auto guessed = guessed_event(test::read_body(std::string(row.file) + ".json"));
    CHECK(guessed.has_value() == (row.event != nullptr));
    if (guessed) CHECK(guessed->key == row.event);
  }
  for (const char* body : {"", "[]", "{}", "no JSON"}) {
    INFO(body);
    CHECK_FALSE(guessed_event(body));
  }
}

TEST_CASE("an event that is named wins over what the payload looks like") {
  const std::string body = test::read_body("cloud/push_branch_update.json");
  for (const char* named : {"pr:declined", "repo:fork"}) CHECK(event_key_of(named, body) == named);
  CHECK(event_key_of("", body) == "repo:push");
}

TEST_CASE("a payload that does not tell its event is refused with the choices") {
  const auto unknown = event_key_of("", "{}");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == ExitCode::kUsage);
  CHECK_THAT(unknown.error().message, Catch::Contains("--event") && Catch::Contains("repo:push") &&
                                          Catch::Contains("pr:deleted"));
}

}  // namespace receiver::ctl
