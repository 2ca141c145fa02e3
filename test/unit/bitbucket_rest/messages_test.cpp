#include "bitbucket_rest/messages.h"

#include <catch2/catch.hpp>

#include "test/unit/bitbucket_rest/repositories.h"

namespace receiver::bitbucket_rest {
namespace {

using namespace std::chrono_literals;

Webhook webhook(std::string id) {
  return {.id = std::move(id),
          .title = "Kargo demo/\"bb\"",
          .url = "https://hooks.example.com/bitbucket/x",
          .events = {"repo:push", "pullrequest:fulfilled"},
          .active = true,
          .secret = crypto::SecretString("s\"ecret")};
}

Page page_of(const Repository& repository, std::string_view body) {
  const auto page = read_page(repository, list_request(repository), body);
  REQUIRE(page);
  return *page;
}

std::string page_error(const Repository& repository, std::string_view body) {
  const auto page = read_page(repository, list_request(repository), body);
  return page ? "" : page.error();
}

const auto kNow = *clock::parse_rfc3339("2026-10-21T07:27:12.5Z");

BitbucketError failure_of(const Repository& repository, const ApiAnswer& answer,
                          Purpose purpose = Purpose::kRegister) {
  return describe_failure(repository, answer, "the-secret", purpose, kNow);
}

std::string described(const Repository& repository, unsigned status, std::string body) {
  return failure_of(repository, {status, std::move(body), "", ""}).message;
}

}  // namespace

TEST_CASE("requests go to the repository's webhooks") {
  CHECK(list_request(kCloud).method == "GET");
  CHECK(list_request(kCloud).url ==
        "https://api.bitbucket.org/2.0/repositories/team/shop/hooks?pagelen=100");
  CHECK(list_request(kDataCenter).url ==
        "https://example.com/git/rest/api/latest/projects/~someone/repos/web/webhooks"
        "?start=0&limit=100");

  CHECK(inherited_list_request(kCloud).url ==
        "https://api.bitbucket.org/2.0/workspaces/team/hooks?pagelen=100");
  CHECK(inherited_list_request(kDataCenter).url ==
        "https://example.com/git/rest/api/latest/projects/~someone/webhooks?start=0&limit=100");
  CHECK(delete_request(kCloud, "{0a-1b}").method == "DELETE");
  CHECK(delete_request(kCloud, "{0a-1b}").url ==
        "https://api.bitbucket.org/2.0/repositories/team/shop/hooks/%7B0a-1b%7D");

  const ApiRequest created = write_request(kCloud, webhook(""));
  CHECK(created.method == "POST");
  CHECK(created.url == "https://api.bitbucket.org/2.0/repositories/team/shop/hooks");
  const ApiRequest updated = write_request(kCloud, webhook("{0a-1b}"));
  CHECK(updated.method == "PUT");
  CHECK(updated.url == "https://api.bitbucket.org/2.0/repositories/team/shop/hooks/%7B0a-1b%7D");
  CHECK(write_request(kDataCenter, webhook("12")).url ==
        "https://example.com/git/rest/api/latest/projects/~someone/repos/web/webhooks/12");
}

TEST_CASE("the body of a write says all that is decided") {
  CHECK(write_request(kCloud, webhook("")).body ==
        R"({"description":"Kargo demo/\"bb\"","url":"https://hooks.example.com/bitbucket/x",)"
        R"("active":true,"events":["repo:push","pullrequest:fulfilled"],"secret":"s\"ecret"})");
  CHECK(write_request(kDataCenter, webhook("")).body ==
        R"({"name":"Kargo demo/\"bb\"","url":"https://hooks.example.com/bitbucket/x",)"
        R"("active":true,"events":["repo:push","pullrequest:fulfilled"],)"
        R"("configuration":{"secret":"s\"ecret"},"sslVerificationRequired":true})");
  Webhook lenient = webhook("1");
  lenient.verifies_certificate = false;
  CHECK_THAT(write_request(kCloud, lenient).body,
             Catch::Contains(R"("skip_cert_verification":true)"));
  CHECK_THAT(write_request(kDataCenter, lenient).body,
             Catch::Contains(R"("sslVerificationRequired":false)"));
}

TEST_CASE("Cloud's list is read, and its secrets are not known") {
  const Page page = page_of(kCloud, R"({"values": [
    {"uuid": "{1}", "url": "https://a", "description": "one", "active": false,
     "events": ["repo:push", 7], "secret_set": true},
    {"uuid": "{2}", "url": "https://b", "description": null, "secret_set": false,
     "skip_cert_verification": true},
    {"url": "https://no.id"}, 5, null]})");
  REQUIRE(page.webhooks.size() == 2);
  CHECK(page.webhooks[0].id == "{1}");
  CHECK(page.webhooks[0].title == "one");
  CHECK(page.webhooks[0].url == "https://a");
  CHECK_FALSE(page.webhooks[0].active);
  CHECK(page.webhooks[0].events == std::vector<std::string>{"repo:push"});
  CHECK_FALSE(page.webhooks[0].secret);
  CHECK(page.webhooks[0].verifies_certificate);
  CHECK(page.webhooks[1].title.empty());
  CHECK(page.webhooks[1].active);
  REQUIRE(page.webhooks[1].secret);
  CHECK(page.webhooks[1].secret->empty());
  CHECK_FALSE(page.webhooks[1].verifies_certificate);
  CHECK_FALSE(page.next);
}

TEST_CASE("Data Center's list is read, with secrets that are not hidden") {
  const Page page = page_of(kDataCenter, R"({"isLastPage": true, "values": [
    {"id": 1, "name": "one", "url": "https://a", "configuration": {"secret": "known"}},
    {"id": 2, "name": "two", "url": "https://b", "configuration": {"secret": "*****"}},
    {"id": 3, "name": "three", "url": "https://c", "sslVerificationRequired": false},
    {"id": 4, "name": "inherited", "url": "https://d", "scopeType": "project"}]})");
  REQUIRE(page.webhooks.size() == 4);
  CHECK(page.webhooks[0].id == "1");
  CHECK_FALSE(page.webhooks[0].inherited);
  CHECK(page.webhooks[3].inherited);
  CHECK(page.webhooks[0].secret->view() == "known");
  CHECK_FALSE(page.webhooks[1].secret);
  CHECK(page.webhooks[2].secret->empty());
  CHECK_FALSE(page.webhooks[2].verifies_certificate);
}

TEST_CASE("webhooks are told apart by their age") {
  const auto cloud = page_of(kCloud, R"({"values": [
    {"uuid": "{2}", "created_at": "2026-01-02T03:04:05.678901Z", "subject_type": "workspace"},
    {"uuid": "{1}", "created_at": "2026-01-02T03:04:05.678902Z", "subject_type": "repository"}]})");
  CHECK(cloud.webhooks.at(0).made < cloud.webhooks.at(1).made);
  CHECK(cloud.webhooks.at(0).inherited);
  CHECK_FALSE(cloud.webhooks.at(1).inherited);
  const auto data_center = page_of(kDataCenter, R"({"values": [{"id": 9}, {"id": 10}]})");
  CHECK(data_center.webhooks.at(0).made < data_center.webhooks.at(1).made);
}

TEST_CASE("what Data Center would drop is sent again as it was") {
  const Page page = page_of(kDataCenter, R"({"values": [{"id": 1, "url": "https://a",
    "configuration": {"a\"b": {"c": [1, "\u00e9"]}, "secret": "old", "createdBy": null},
    "credentials": {"username": "me", "password": "p"}}]})");
  Webhook kept = page.webhooks.at(0);
  kept.secret = crypto::SecretString("new");
  CHECK(write_request(kDataCenter, kept).body ==
        R"({"name":"","url":"https://a","active":true,"events":[],"configuration":{"secret":"new",)"
        R"("a\"b":{"c": [1, "\u00e9"]},"createdBy":null},"sslVerificationRequired":true,)"
        R"("credentials":{"username": "me", "password": "p"}})");
}

TEST_CASE("a remedy names the settings of who asked, and the permission that is lacking") {
  struct Row {
    Purpose purpose;
    const char* setting;
    const char* scope;
  };
  for (const Row& row :
       {Row{Purpose::kRegister, "with --username", "write:webhook:bitbucket"},
        Row{Purpose::kUpkeep, "in bitbucket.username", "write:webhook:bitbucket"},
        Row{Purpose::kRead, "in bitbucket.username", "the scope read:repository:bitbucket"}}) {
    INFO(row.setting);
    CHECK_THAT(failure_of(kCloud, {401, "", "", ""}, row.purpose).message,
               Catch::Contains(row.setting));
    CHECK_THAT(failure_of(kCloud, {403, "", "", ""}, row.purpose).message,
               Catch::Contains(row.scope));
  }
  const ApiAnswer moved{301, "", "", "https://elsewhere.example.com/"};
  CHECK_THAT(failure_of(kDataCenter, moved, Purpose::kUpkeep).message,
             Catch::Contains("the right address with bitbucket.url"));
}

TEST_CASE("the next page is asked for as the product says") {
  const std::string next = "https://api.bitbucket.org/2.0/repositories/team/shop/hooks?page=2";
  CHECK(page_of(kCloud, R"({"values": [], "next": ")" + next + "\"}").next->url == next);
  CHECK(page_of(kDataCenter,
                R"({"values": [], "start": 25, "isLastPage": false, "nextPageStart": 40})")
            .next->url ==
        "https://example.com/git/rest/api/latest/projects/~someone/repos/web/webhooks"
        "?start=40&limit=100");
  CHECK_FALSE(
      page_of(kDataCenter, R"({"values": [], "isLastPage": true, "nextPageStart": 40})").next);
}

TEST_CASE("a list that leads astray is not followed") {
  for (const std::string next :
       {"https://evil.example.com/2.0/x", "http://api.bitbucket.org/2.0/x",
        "https://api.bitbucket.org:8443/x", "https://a@api.bitbucket.org/x", "/2.0/x", "x"}) {
    INFO(next);
    CHECK_THAT(page_error(kCloud, R"({"values": [], "next": ")" + next + "\"}"),
               Catch::Contains("on another server"));
  }
  for (const std::string rest :
       {R"("nextPageStart": 0)", R"("nextPageStart": null)", R"("start": 50, "nextPageStart": 50)",
        R"("nextPageStart": "9")"}) {
    INFO(rest);
    CHECK_THAT(page_error(kDataCenter, R"({"values": [], "isLastPage": false, )" + rest + "}"),
               Catch::Contains("neither continues nor ends"));
  }
  for (const std::string body :
       {"", "[]", "<html>", "{}", R"({"values": {}})", "{\"values\": [}"}) {
    INFO(body);
    CHECK_THAT(page_error(kCloud, body), Catch::Contains("is this Bitbucket's REST API?"));
    CHECK_THAT(page_error(kDataCenter, body), Catch::Contains("is this Bitbucket's REST API?"));
  }
  CHECK_FALSE(page_error(kCloud, std::string(1'000'000, '[')).empty());
}

TEST_CASE("a failure is told in the vendor's words, with what to do") {
  using Catch::Contains;
  CHECK(described(kCloud, 401, R"({"type": "error", "error": {"message": "Token is invalid."}})") ==
        "Bitbucket answered 401 (Token is invalid.): the token is wrong or has expired; an API "
        "token of an account needs the account's e-mail address with --username, an access token "
        "of a repository, project or workspace must be given without");
  CHECK_THAT(described(kCloud, 403, ""), Contains("answered 403: the token needs the scopes "
                                                  "read:webhook:bitbucket"));
  CHECK_THAT(described(kCloud, 404, ""),
             Contains("no repository team/shop that the token may see"));
  CHECK_THAT(described(kDataCenter, 401, ""), Contains("HTTP access token"));
  CHECK_THAT(described(kDataCenter, 404, ""), Contains("~someone/web"));
  CHECK_THAT(described(kCloud, 409, ""), Contains("another webhook conflicts"));
  CHECK_THAT(described(kCloud, 500, "<html>Oops</html>"),
             Contains("answered 500: try again later") && !Contains("Oops"));
  CHECK(described(kCloud, 400,
                  R"({"type": "error", "error": {"message": "Bad request", "fields":
                     {"url": ["Enter a valid URL."], "events": "none"}}})") ==
        "Bitbucket answered 400 (Bad request; url: Enter a valid URL.; events: none)");
  CHECK(described(kCloud, 400,
                  R"({"error": {"message": "Bad request", "fields": ["Field: url"]}})") ==
        "Bitbucket answered 400 (Bad request; Field: url)");
  CHECK(described(kDataCenter, 400, R"({"errors": [{"context": "url", "message": "too long",
                                       "exceptionName": null}, {"message": "and bad"}]})") ==
        "Bitbucket answered 400 (url: too long; and bad)");
}

TEST_CASE("a failure's body may be nested as deeply as it likes") {
  constexpr std::size_t kDepth = 1'000'000;
  std::string body = R"({"error": {"message": "Bad", "fields": {"a": )";
  body.append(kDepth, '[').append(kDepth, ']').append("}}}");
  CHECK(described(kCloud, 400, body) == "Bitbucket answered 400 (Bad)");
  body = R"({"errors": )";
  body.append(kDepth, '[').append(kDepth, ']').append("}");
  CHECK(described(kDataCenter, 400, body) == "Bitbucket answered 400");
}

TEST_CASE("what is no UTF-8 is no JSON, and is shown as far as it can be") {
  CHECK_THAT(page_error(kCloud, "{\"values\": [{\"uuid\": \"\x80\"}]}"),
             Catch::Contains("is this Bitbucket's REST API?"));
  CHECK(described(kCloud, 400, "{\"error\": {\"message\": \"B\x80\"}}") ==
        R"(Bitbucket answered 400 ({"error": {"message": "B�"}}))");
}

TEST_CASE("Data Center's 401 for a missing permission is told as what it is") {
  const std::string body =
      R"({"errors": [{"context": null, "message": "You are not permitted to access this resource",
          "exceptionName": "com.atlassian.bitbucket.AuthorisationException"}]})";
  const BitbucketError error = failure_of(kDataCenter, {401, body, "", ""});
  CHECK(error.kind == ApiFailure::kForbidden);
  CHECK_THAT(error.message, Catch::Contains("Repository admin"));
}

TEST_CASE("a failure repeats neither the secret nor a receiver's URL") {
  const std::string text =
      described(kCloud, 400, "the-secret is short for https://h/bitbucket/" + std::string(64, 'c'));
  CHECK(text == "Bitbucket answered 400 (… is short for https://h/bitbucket/cccccccc…)");
}

TEST_CASE("a redirect is not followed but told, without its path") {
  const BitbucketError error =
      failure_of(kDataCenter, {302, "", "", "https://sso.example.com/login?token=abc"});
  CHECK(error.kind == ApiFailure::kUnexpected);
  CHECK(error.message ==
        "Bitbucket answered 302: redirects are not followed, because they would show the token to "
        "another server: set the right address with --bitbucket-url (this one leads to "
        "https://sso.example.com)");
}

TEST_CASE("a renamed repository is told by its new name, and no redirect is followed") {
  struct Row {
    Repository repository;
    std::string location;
    std::string moved_to;  ///< empty: not in the message
  };
  const std::string cloud = kCloud.server + "/2.0/repositories/";
  const std::string data_center = kDataCenter.server + "/rest/api/latest/projects/";
  const std::vector<Row> rows{
      {kCloud, cloud + "new-team/new-shop/hooks?pagelen=100", "new-team/new-shop"},
      {kCloud, "/2.0/repositories/team/new-shop/hooks", "team/new-shop"},
      {kCloud, cloud + kCloud.name() + "/hooks/", ""},
      {kCloud, "/login", ""},
      {kCloud, "//evil.example.com/2.0/repositories/a/b", ""},
      {kCloud, "https://evil.example.com/2.0/repositories/a/b/hooks", ""},
      {kCloud, "http://api.bitbucket.org/2.0/repositories/a/b/hooks", ""},
      {kCloud, "", ""},
      {kDataCenter, data_center + "NEW/repos/web/webhooks?start=0", "NEW/web"},
      {kDataCenter, data_center + "NEW", ""},
      {kDataCenter, "https://git.example.com.evil.org/projects/A/repos/b", ""},
  };
  for (const Row& row : rows) {
    INFO(row.location);
    const std::string message = failure_of(row.repository, {301, "", "", row.location}).message;
    if (row.moved_to.empty()) {
      CHECK_THAT(message, Catch::Contains("redirects are not followed, because") &&
                              !Catch::Contains("has moved to"));
    } else {
      CHECK(message == "Bitbucket answered 301: the repository has moved to " + row.moved_to +
                           ", and redirects are not followed: correct the repoURL of the "
                           "Warehouses that subscribe to it, or --repo");
    }
  }
}

TEST_CASE("a rate limit is waited out as told, or doubling from five seconds") {
  const auto pause = [](std::string told, unsigned attempt) {
    return rate_limit_pause({429, "", std::move(told), ""}, attempt, kNow);
  };
  CHECK(pause("7", 3) == 7s);
  CHECK(pause("0", 0) == 1s);
  CHECK(pause("", 0) == 5s);
  CHECK(pause("", 2) == 20s);
  CHECK(pause("Wed, 21 Oct 2026 07:28:00 GMT", 1) == 48s);
  CHECK(pause("Wed, 21 Oct 2026 07:26:00 GMT", 1) == 1s);
  CHECK(pause("tomorrow", 1) == 10s);
  CHECK(pause("-5", 0) == 5s);
  CHECK(pause("99999999999999999999", 0) > 24h * 365 * 200);
  CHECK(pause("", 1000) == 320s);
}

TEST_CASE("a rate limit tells a time only if Bitbucket did") {
  const auto told = [](std::string retry_after) {
    return failure_of(kCloud, {429, "", std::move(retry_after), ""}).message;
  };
  const std::string begin = "Bitbucket answered 429: too many requests; try again ";
  CHECK(told("") == begin + "later");
  CHECK(told("nonsense") == begin + "later");
  CHECK(told("30") == begin + "in 30 s");
  CHECK(told("99999999999999999999") == begin + "later");
  CHECK(told("Wed, 21 Oct 2026 07:28:00 GMT") == begin + "in 48 s");
}

}  // namespace receiver::bitbucket_rest
