#include "bitbucket_rest/registrar.h"

#include <deque>

#include <catch2/catch.hpp>

#include "test/bitbucket_server/bitbucket_server.h"

namespace receiver::bitbucket_rest {
namespace {

using namespace std::chrono_literals;
using bitbucket::Source;

/// Gives the scripted answers in order, and records the requests.
struct Script {
  std::deque<ApiAnswer> answers;
  std::vector<ApiRequest> asked;

  Send send() {
    return [this](const ApiRequest& request) -> tl::expected<ApiAnswer, BitbucketError> {
      asked.push_back(request);
      if (answers.empty()) {
        return tl::unexpected(BitbucketError{.kind = ApiFailure::kTimeout, .message = "late"});
      }
      ApiAnswer answer = answers.front();
      answers.pop_front();
      return answer;
    };
  }
};

ApiAnswer limited(std::string retry_after) {
  return {429, "Rate limit for this resource has been exceeded", std::move(retry_after), ""};
}

Registration registration() {
  return {.repository = {Source::kDataCenter, "https://git.example.com", "SHOP", "web"},
          .wanted = {.name = "Kargo demo/bb",
                     .mark = "[0123456789ab/bb]",
                     .url = "https://hooks.example.com/bitbucket/" + std::string(64, 'a'),
                     .secret = crypto::SecretString("the-secret")}};
}

tl::expected<Plan, BitbucketError> register_webhook(const Send& send) {
  RegisterWebhook registering(registration());
  run(registering, send);
  return registering.result();
}

}  // namespace

TEST_CASE("a rate limit is waited out within its bound") {
  Script script;
  std::vector<std::chrono::seconds> pauses;
  const Send send = patient(
      script.send(),
      [&](Pausing whom, std::chrono::seconds pause, const std::string&) {
        CHECK(whom == Pausing::kAll);
        pauses.push_back(pause);
      },
      30s);

  script.answers = {limited("10"), limited(""), {200, "done", "", ""}};
  CHECK(send({"GET", "https://a", ""})->body == "done");
  CHECK(pauses == std::vector{10s, 10s});
  CHECK(script.asked.size() == 3);

  pauses.clear();
  script.answers = {limited("20"), limited("11"), {200, "done", "", ""}};
  CHECK(send({"GET", "https://a", ""})->status == 429);
  CHECK(pauses == std::vector{20s});

  pauses.clear();
  script.answers = {limited("99999999999999999999"), {200, "done", "", ""}};
  CHECK(send({"GET", "https://a", ""})->status == 429);
  CHECK(pauses.empty());
}

TEST_CASE("a read is asked again after a 5xx or a time-out, a write is not") {
  Script script;
  std::vector<std::string> waited;
  const Send send = patient(
      script.send(),
      [&](Pausing whom, std::chrono::seconds pause, const std::string& why) {
        CHECK(whom == Pausing::kThisOne);
        waited.push_back(fmt::format("{} {}", pause.count(), why));
      },
      30s);
  const ApiAnswer broken{503, "", "", ""};
  script.answers = {broken, {555, "", "", ""}, {200, "done", "", ""}};
  CHECK(send({"GET", "https://a", ""})->body == "done");
  CHECK(waited == std::vector<std::string>{"1 Bitbucket answered 503", "2 Bitbucket answered 555"});

  script.answers = {broken, broken, broken, {200, "done", "", ""}};
  CHECK(send({"GET", "https://a", ""})->status == 503);
  CHECK(script.answers.size() == 1);
  script.answers = {};
  waited.clear();
  CHECK(send({"GET", "https://a", ""}).error().kind == ApiFailure::kTimeout);
  CHECK(waited == std::vector<std::string>{"1 late", "2 late"});

  for (const char* method : {"POST", "PUT", "DELETE"}) {
    script.answers = {broken, {200, "done", "", ""}};
    CHECK(send({method, "https://a", ""})->status == 503);
  }
  script.answers = {{404, "", "", ""}, {200, "done", "", ""}};
  CHECK(send({"GET", "https://a", ""})->status == 404);
}

TEST_CASE("an endless list ends at a bound, and is not taken for all that there is") {
  Script script;
  for (int i = 0; i < 100; ++i) {
    script.answers.push_back({200,
                              R"({"values": [], "isLastPage": false, "start": )" +
                                  std::to_string(i) + R"(, "nextPageStart": )" +
                                  std::to_string(i + 1) + "}",
                              "", ""});
  }
  const auto refused = register_webhook(script.send());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ApiFailure::kUnexpected);
  CHECK_THAT(refused.error().message, Catch::Contains("does not end within 20 pages"));
  CHECK(script.asked.size() == kMaxPages);
}

TEST_CASE("a list that has changed meanwhile is read once more, and not for ever") {
  const ApiAnswer none{200, R"({"values": [], "isLastPage": true})", "", ""};
  const ApiAnswer conflict{409, "", "", ""};
  Script script;
  script.answers = {none, none, conflict, none, {201, "{}", "", ""}};
  CHECK(register_webhook(script.send())->action == Action::kCreate);

  script.answers = {none, none, conflict, none, conflict, none};
  const auto refused = register_webhook(script.send());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ApiFailure::kConflict);
  CHECK(script.answers.size() == 1);

  // A missing repository is not requested twice.
  script.answers = {none, none, {404, "", "", ""}, none};
  CHECK(register_webhook(script.send()).error().kind == ApiFailure::kNotFound);
  CHECK(script.answers.size() == 1);
}

TEST_CASE("the webhook that was made is told by its id, if Bitbucket tells it") {
  const ApiAnswer none{200, R"({"values": [], "isLastPage": true})", "", ""};
  for (const auto& [body, id] : std::vector<std::pair<std::string, std::string>>{
           {R"({"id": 12, "name": "Kargo demo/bb"})", "12"}, {"{}", ""}, {"<html>", ""}}) {
    INFO(body);
    Script script;
    script.answers = {none, none, {201, body, "", ""}};
    CHECK(register_webhook(script.send())->webhook.id == id);
  }
}

TEST_CASE("nothing is made while it is not known what the repository inherits") {
  const ApiAnswer none{200, R"({"values": [], "isLastPage": true})", "", ""};
  Script script;
  for (const unsigned status : {429U, 500U, 302U}) {
    INFO(status);
    script.answers = {none, {status, "", "", ""}, {201, "{}", "", ""}};
    CHECK_FALSE(register_webhook(script.send()));
    CHECK(script.answers.size() == 1);
  }
  for (const unsigned status : {401U, 403U, 404U}) {  // few tokens may ask
    INFO(status);
    script.answers = {none, {status, "", "", ""}, {201, "{}", "", ""}};
    CHECK(register_webhook(script.send())->action == Action::kCreate);
  }
}

TEST_CASE("a write without an answer may have been done, or may still be") {
  const ApiAnswer none{200, R"({"values": [], "isLastPage": true})", "", ""};
  struct Row {
    const char* what;
    std::deque<ApiAnswer> answers;  ///< and then none
    bool may_have_written;
  };
  const std::string twin =
      fmt::format(R"("name": "[0123456789ab/bb]", "events": ["repo:refs_changed"], "url": "{}",
                     "configuration": {{"secret": "the-secret"}}}})",
                  registration().wanted.url);
  const ApiAnswer two{
      200, R"({"isLastPage": true, "values": [{"id": 1, )" + twin + R"(, {"id": 2, )" + twin + "]}",
      "", ""};
  for (const Row& row : std::vector<Row>{
           {"the list is not answered", {}, false},
           {"nor what is inherited", {none}, false},
           {"the write", {none, none}, true},
           {"it fails inside of Bitbucket", {none, none, {502, "", "", ""}}, true},
           {"it is refused", {none, none, {403, "", "", ""}}, false},
           {"it is done", {none, none, {201, "{}", "", ""}}, false},
           {"a duplicate is deleted", {two}, true},
           {"it was deleted before", {two, {404, "", "", ""}}, false},
       }) {
    INFO(row.what);
    Script script;
    script.answers = row.answers;
    RegisterWebhook registering(registration());
    run(registering, script.send());
    CHECK(registering.may_have_written() == row.may_have_written);
  }
}

TEST_CASE("no answer is told as such") {
  Script script;
  const auto failed = register_webhook(script.send());
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == ApiFailure::kTimeout);
  CHECK(failed.error().message == "late");
}

}  // namespace receiver::bitbucket_rest
