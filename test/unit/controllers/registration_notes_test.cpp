#include "controllers/registration_notes.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace receiver::controllers {
namespace {

using bitbucket_rest::Action;
using bitbucket_rest::ApiFailure;
using bitbucket_rest::BitbucketError;
using bitbucket_rest::Plan;
using State = RegistrationSchedule::State;

std::string said(const std::vector<Note>& notes) {
  std::string text;
  for (const Note& note : notes) {
    text += note.type == kube::EventType::kWarning ? "Warning " : "Normal ";
    text += note.reason + ": " + note.text + "\n";
  }
  return text;
}

Plan plan_of(Action action, std::vector<bitbucket_rest::Difference> differences = {}) {
  Plan plan;
  plan.action = action;
  plan.differences = std::move(differences);
  return plan;
}

std::string said(const Plan& plan, State was = State::kPending) {
  const auto note = visit_note("bb", "acme/shop", plan, was);
  return note ? said(std::vector{*note}) : "";
}

DesiredWebhooks receiver_that(bool rotating = false) {
  DesiredWebhooks desired;
  desired.receiver = "bb";
  for (const char* slug : {"app", "web"}) {
    desired.repositories.push_back(
        {bitbucket::Source::kCloud, "https://api.bitbucket.org", "acme", slug});
  }
  if (rotating) desired.wanted.former_url = "https://hooks.example.com/former";
  return desired;
}

}  // namespace

TEST_CASE("what Bitbucket could not deliver is told in its words") {
  CHECK(said({missed_note("bb", "SHOP/app", "Connection refused")}) ==
        "Warning DeliveriesMissed: receiver \"bb\": repository SHOP/app: Bitbucket could not "
        "deliver (Connection refused); the Warehouses that subscribe to it are refreshed\n");
  CHECK_THAT(missed_note("bb", "SHOP/app", "").text, Catch::Contains("does not say why"));
}

TEST_CASE("what a visit has done is told, without URLs") {
  CHECK(said(plan_of(Action::kCreate)) ==
        "Normal WebhookRegistered: receiver \"bb\": repository acme/shop: its webhook has been "
        "created\n");
  CHECK(said(plan_of(Action::kUpdate,
                     {{"url", "https://a", "https://b"}, {"secret", "", "changed"}})) ==
        "Normal WebhookCorrected: receiver \"bb\": repository acme/shop: its webhook has been "
        "corrected: url, secret\n");
  CHECK(said(plan_of(Action::kDelete, {{"duplicate", "2 (a)", "deleted"}})) ==
        "Normal WebhookCorrected: receiver \"bb\": repository acme/shop: its webhook has been "
        "corrected: duplicate\n");
  CHECK(said(plan_of(Action::kNone)).empty());
  CHECK(said(plan_of(Action::kPostpone)).empty());
  Plan skipped = plan_of(Action::kSkip);
  skipped.reason = "it is switched off";
  CHECK(said(skipped) ==
        "Normal WebhookLeftAlone: receiver \"bb\": repository acme/shop: it is switched off\n");
  CHECK(said(skipped, State::kSkipped).empty());  // it was reported before
}

TEST_CASE("why webhooks are not registered is told by cause, whatever the words") {
  const auto answered = [](unsigned status, const std::string& words = "") {
    const auto kind = status == 404 ? ApiFailure::kNotFound : ApiFailure::kForbidden;
    return BitbucketError{
        .kind = kind, .message = fmt::format("answered {}{}", status, words), .status = status};
  };
  CHECK(lasting_notes(receiver_that(), {}, {}).empty());
  const auto notes = lasting_notes(
      receiver_that(),
      {{"acme/a", answered(403)}, {"acme/b", answered(404)}, {"acme/c", answered(403)}}, {});
  CHECK(said(notes) ==
        "Warning WebhookRegistrationFailed: receiver \"bb\": no correct webhook in acme/a "
        "and 1 others: answered 403\n"
        "Warning WebhookRegistrationFailed: receiver \"bb\": no correct webhook in acme/b: "
        "answered 404\n");
  // The same cause gives the same note, whichever repository it concerns.
  DailyNotes daily;
  const auto now = clock::Steady::now();
  CHECK(daily.due(notes, now).size() == 2);
  const auto others = lasting_notes(receiver_that(), {{"acme/d", answered(403, " (id 17)")}}, {});
  CHECK(daily.due(others, now).empty());
  CHECK(daily.due(lasting_notes(receiver_that(), {{"acme/d", answered(402)}}, {}), now).size() ==
        1);

  std::map<std::string, BitbucketError> many;
  for (unsigned i = 0; i < 100; ++i) many[std::to_string(i)] = answered(400 + i);
  CHECK(lasting_notes(receiver_that(), many, {}).size() == 10);

  DesiredWebhooks nowhere = receiver_that();
  nowhere.problem = "no bounds";
  CHECK(said(lasting_notes(nowhere, {}, {})) ==
        "Warning WebhookRegistrationFailed: receiver \"bb\": no bounds\n");
}

TEST_CASE("a rotation is through once every webhook is seen to be moved, or switched off") {
  struct Row {
    const char* what;
    std::map<State, std::size_t> states;
    bool told;
  };
  for (const Row& row : std::vector<Row>{
           {"all", {{State::kRegistered, 2}}, true},
           {"one is switched off", {{State::kRegistered, 1}, {State::kSkipped, 1}}, true},
           {"the other waits", {{State::kPending, 1}, {State::kSkipped, 1}}, false},
           {"one waits", {{State::kRegistered, 1}, {State::kPending, 1}}, false},
           {"one failed", {{State::kRegistered, 1}, {State::kFailed, 1}}, false},
           {"one is not known yet", {{State::kRegistered, 1}}, false},
           {"none is there", {}, false},
       }) {
    INFO(row.what);
    CHECK(lasting_notes(receiver_that(true), {}, row.states).empty() != row.told);
    CHECK(lasting_notes(receiver_that(false), {}, row.states).empty());
  }
  DesiredWebhooks nothing = receiver_that(true);
  nothing.repositories.clear();
  CHECK(lasting_notes(nothing, {}, {}).empty());
  DesiredWebhooks desired = receiver_that(true);
  CHECK(
      said(lasting_notes(desired, {}, {{State::kRegistered, 2}})) ==
      "Normal WebhooksMoved: receiver \"bb\": the webhooks of all 2 repositories have the new URL "
      "and secret: remove the key \"secret.previous\" from its Secret\n");
  CHECK_THAT(
      lasting_notes(desired, {}, {{State::kRegistered, 1}, {State::kSkipped, 1}}).at(0).text,
      Catch::Contains("the webhooks of 1 of 2 repositories have the new URL and secret, and the "
                      "others are left alone: remove the key"));
  desired.outside = {"loot/web"};
  CHECK_THAT(lasting_notes(desired, {}, {{State::kRegistered, 2}}).at(0).text,
             Catch::EndsWith("from its Secret, after those of 1 repositories outside "
                             "bitbucket.allow, which are not checked"));
}

}  // namespace receiver::controllers
