#include "bitbucket_rest/unregister.h"

#include <deque>

#include <catch2/catch.hpp>

#include "test/unit/bitbucket_rest/repositories.h"

namespace receiver::bitbucket_rest {
namespace {

using Strings = std::vector<std::string>;

/// The requests and the result.
struct Deleted {
  Strings asked;
  Strings gone;  ///< reported one by one
  tl::expected<std::vector<Webhook>, BitbucketError> result;
};

Deleted unregister(std::deque<ApiAnswer> answers, bool dry_run = false) {
  Strings gone;
  UnregisterWebhooks operation(
      {.repository = kDataCenter,
       .receiver = {.name = "Kargo demo/bb",
                    .mark = "[0123456789ab/bb]",
                    .url = "https://hooks.example.com/x",
                    .secret = crypto::SecretString("the-secret")},
       .dry_run = dry_run,
       .on_deleted = [&gone](const Webhook& webhook) { gone.push_back(webhook.id); }});
  Strings asked;
  while (const ApiRequest* request = operation.next()) {
    asked.push_back(request->method + " " + request->url.substr(request->url.rfind('/') + 1));
    if (answers.empty()) break;
    ApiAnswer answer = std::move(answers.front());
    answers.pop_front();
    operation.take(std::move(answer));
  }
  REQUIRE(operation.next() == nullptr);
  return {std::move(asked), std::move(gone), operation.result()};
}

ApiAnswer list_of(const std::string& webhooks, const std::string& rest = R"("isLastPage": true)") {
  return {200, R"({"values": [)" + webhooks + "], " + rest + "}", "", ""};
}
std::string own(int id) {
  return R"({"id": )" + std::to_string(id) +
         R"(, "name": "x [0123456789ab/bb]", "url": "https://y"})";
}

const std::string kStranger = R"({"id": 9, "name": "CI", "url": "https://ci.example.com"})";
const ApiAnswer kDone{204, "", "", ""};

}  // namespace

TEST_CASE("a receiver's webhooks are deleted, on whatever page they are") {
  const auto [asked, gone, result] = unregister(
      {list_of(own(1) + "," + kStranger, R"("isLastPage": false, "start": 0, "nextPageStart": 2)"),
       list_of(own(3)), kDone, kDone});
  CHECK(asked == Strings{"GET webhooks?start=0&limit=100", "GET webhooks?start=2&limit=100",
                         "DELETE 1", "DELETE 3"});
  REQUIRE(result);
  CHECK(result->size() == 2);
  CHECK(gone == Strings{"1", "3"});
}

TEST_CASE("a dry run only reads, and where none is the receiver's nothing happens") {
  const auto dry = unregister({list_of(own(1) + "," + kStranger)}, true);
  CHECK(dry.asked.size() == 1);
  REQUIRE(dry.result);
  CHECK(dry.result->size() == 1);
  CHECK(dry.gone.empty());
  const auto none = unregister({list_of(kStranger)});
  CHECK(none.asked.size() == 1);
  REQUIRE(none.result);
  CHECK(none.result->empty());
}

TEST_CASE("a webhook that is gone already is no failure, any other is") {
  CHECK(unregister({list_of(own(1) + "," + own(2)), {404, "", "", ""}, kDone}).result);
  CHECK_FALSE(unregister({{404, "", "", ""}}).result);
  const auto refused = unregister({list_of(own(1) + "," + own(2)), {403, "", "", ""}});
  CHECK_FALSE(refused.result);
  CHECK(refused.asked.size() == 2);
  CHECK(refused.gone.empty());
  const auto half = unregister({list_of(own(1) + "," + own(2)), kDone, {403, "", "", ""}});
  CHECK_FALSE(half.result);
  CHECK(half.gone == Strings{"1"});
}

}  // namespace receiver::bitbucket_rest
