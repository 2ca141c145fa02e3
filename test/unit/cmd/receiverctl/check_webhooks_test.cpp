#include "cmd/receiverctl/check_webhooks.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace receiver::ctl {
namespace {

using bitbucket_rest::Action;
using namespace std::chrono_literals;

const clock::Wall::time_point kJudgedAt = *clock::parse_rfc3339("2026-03-14T11:20:01Z");

WebhookState with_action(Action action, const std::string& repository = "acme/shop") {
  WebhookState made;
  made.repository = repository;
  made.plan.action = action;
  made.plan.differences = {{"url", "a", "b"}, {"events", "", "repo:push"}};
  made.plan.reason = "it is switched off: switch it on in Bitbucket";
  return made;
}

std::vector<std::string> judged(const std::vector<WebhookState>& states, bool registers = false) {
  std::vector<std::string> lines;
  for (const Finding& finding : judge_webhooks("p/bb", states, registers, kJudgedAt)) {
    CHECK(finding.subject == "webhooks of p/bb");
    CHECK(finding.level != Level::kFailure);
    CHECK((finding.level == Level::kWarning || finding.remedy.empty()));
    lines.push_back(finding.remedy.empty() ? finding.message
                                           : finding.message + " → " + finding.remedy);
  }
  return lines;
}

}  // namespace

TEST_CASE("a receiver's webhooks are judged, with who puts them right") {
  using Lines = std::vector<std::string>;
  CHECK(judged({}).empty());
  CHECK(judged({with_action(Action::kNone)}) == Lines{"right in 1 repository"});
  CHECK(judged({with_action(Action::kNone), with_action(Action::kNone)}) ==
        Lines{"right in 2 repositories"});
  CHECK(judged({with_action(Action::kCreate)}) ==
        Lines{"acme/shop: has no webhook of this receiver → `receiverctl register` creates it"});
  CHECK(
      judged({with_action(Action::kCreate)}, true) ==
      Lines{
          "acme/shop: has no webhook of this receiver → the operator creates it: see its log, and "
          "the project's Events"});
  CHECK(judged({with_action(Action::kUpdate)}) ==
        Lines{"acme/shop: its webhook must be corrected: url, events → `receiverctl register` "
              "corrects it"});
  for (const Action action : {Action::kSkip, Action::kPostpone}) {
    CHECK(judged({with_action(action)}) ==
          Lines{"acme/shop: it is switched off: switch it on in Bitbucket"});
  }
}

TEST_CASE("recent deliveries that Bitbucket could not make are reported") {
  WebhookState state = with_action(Action::kNone);
  state.failure = {.when = kJudgedAt - 1h, .words = "Connection refused"};
  const auto lately = judged({state});
  REQUIRE(lately.size() == 2);
  CHECK_THAT(lately[1], Catch::StartsWith("acme/shop: Bitbucket could not deliver at "
                                          "2026-03-14T10:20:01Z: Connection refused → "));
  state.failure->when = kJudgedAt - 25h;
  CHECK(judged({state}).size() == 1);
}

TEST_CASE("webhooks that cannot be read, and many of one kind, are reported in one line") {
  WebhookState unread;
  unread.error = "403 forbidden";
  std::vector<WebhookState> states{with_action(Action::kNone)};
  for (int i = 0; i < 7; ++i) {
    unread.repository = fmt::format("acme/{}", i);
    states.push_back(unread);
  }
  const auto lines = judged(states);
  REQUIRE(lines.size() == 2);
  CHECK_THAT(lines[1],
             Catch::StartsWith("the webhooks of 7 of 8 repositories cannot be read: acme/0: 403 "
                               "forbidden → "));
  CHECK_THAT(judged({unread}).at(0),
             Catch::StartsWith("the webhooks of 1 of 1 repository cannot be read: acme/6: "));
  const auto many =
      judged(std::vector<WebhookState>(kNamedWebhooks + 5, with_action(Action::kCreate)));
  REQUIRE(many.size() == kNamedWebhooks + 1);
  CHECK_THAT(many.back(),
             Catch::StartsWith("5 more repositories have no webhook of this receiver"));
  CHECK(judged(std::vector<WebhookState>(kNamedWebhooks + 1, with_action(Action::kSkip))).back() ==
        judged({with_action(Action::kSkip)}).back());
  CHECK(judged(std::vector<WebhookState>(kNamedWebhooks + 2, with_action(Action::kSkip))).back() ==
        "2 more repositories have a wrong one, which only a person may change");
}

}  // namespace receiver::ctl
