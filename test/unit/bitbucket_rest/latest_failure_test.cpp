#include "bitbucket_rest/latest_failure.h"

#include <deque>

#include <catch2/catch.hpp>

#include "test/unit/bitbucket_rest/repositories.h"

namespace receiver::bitbucket_rest {
namespace {

using Strings = std::vector<std::string>;

/// The result after these answers in this order; and the requests, if wanted.
std::string latest(std::deque<ApiAnswer> answers, Strings* asked = nullptr) {
  LatestFailure operation(kDataCenter, "7");
  while (const ApiRequest* request = operation.next()) {
    if (asked != nullptr) asked->push_back(request->method + " " + request->url);
    REQUIRE_FALSE(answers.empty());
    ApiAnswer answer = std::move(answers.front());
    answers.pop_front();
    operation.take(std::move(answer));
  }
  const auto& result = operation.result();
  if (!result) return "error: " + result.error().message;
  if (!*result) return "none";
  return clock::format_millis((*result)->when) + " " + (*result)->words;
}

ApiAnswer delivery(const std::string& times, const std::string& description = "refused") {
  return {
      200,
      R"({"id": 5, "event": "repo:refs_changed", )" + times +
          R"(, "request": {"url": "https://a"}, "result": {"outcome": "ERROR", "description": ")" +
          description + "\"}}",
      "", ""};
}

const ApiAnswer kNone{204, "", "", ""};

}  // namespace

TEST_CASE("the newest of both kinds of failures is told") {
  const ApiAnswer earlier = delivery(R"("start": 1767323045000, "finish": 1767323045678)");
  const ApiAnswer later = delivery(R"("start": 1767323046000)", "skipped");
  CHECK(latest({kNone, kNone}) == "none");
  CHECK(latest({earlier, kNone}) == "2026-01-02T03:04:05.678Z refused");
  CHECK(latest({kNone, later}) == "2026-01-02T03:04:06.000Z skipped");
  CHECK(latest({earlier, later}) == "2026-01-02T03:04:06.000Z skipped");
  CHECK(latest({later, earlier}) == "2026-01-02T03:04:06.000Z skipped");
  Strings asked;
  (void)latest({kNone, kNone}, &asked);
  const std::string webhooks =
      "GET https://example.com/git/rest/api/latest/projects/~someone/repos/web/webhooks/7/latest";
  CHECK(asked == Strings{webhooks + "?outcome=FAILURE", webhooks + "?outcome=ERROR"});
}

TEST_CASE("times are milliseconds, or dates as newer versions have them") {
  for (const char* time :
       {"1767323045678", R"("2026-01-02T03:04:05.678Z")", R"("2026-01-02T04:04:05.678+0100")",
        R"("2026-01-02T03:04:05.678+00:00")"}) {
    INFO(time);
    CHECK(latest({delivery(R"("finish": )" + std::string(time)), kNone}) ==
          "2026-01-02T03:04:05.678Z refused");
  }
  for (const char* members : {R"("finish": null)", R"("finish": "yesterday")", R"("finish": 1.5)",
                              R"("finish": "+0000")", R"("start": [])"}) {
    INFO(members);
    CHECK(latest({delivery(members)}) == "error: the answer is not a delivery");
  }
}

TEST_CASE("what is no delivery is an error, and Bitbucket's words show no URL") {
  for (const char* body : {"[]", "{}", "null", "<html>", R"({"finish": 1767323045678)"}) {
    INFO(body);
    CHECK(latest({{200, body, "", ""}}) == "error: the answer is not a delivery");
  }
  CHECK_THAT(latest({{404, "", "", ""}}), Catch::StartsWith("error: Bitbucket answered 404"));
  const std::string digits(64, 'a');
  CHECK_THAT(
      latest({delivery(R"("finish": 1)", "no answer of https://h/bitbucket/" + digits), kNone}),
      !Catch::Contains(digits) && Catch::Contains("https://h/bitbucket/aaaaaaaa…"));
}

TEST_CASE("it is told when an answer was sent, by Bitbucket's clock") {
  LatestFailure operation(kDataCenter, "7");
  CHECK_FALSE(operation.answered_at());
  ApiAnswer answer = kNone;
  answer.date = "Tue, 15 Nov 1994 08:12:31 GMT";
  operation.take(answer);
  REQUIRE(operation.answered_at());
  CHECK(clock::format_seconds(*operation.answered_at()) == "1994-11-15T08:12:31Z");
  operation.take(kNone);
  CHECK_FALSE(operation.answered_at());
}

}  // namespace receiver::bitbucket_rest
