#include "cmd/receiverctl/sample.h"

#include <regex>

#include <catch2/catch.hpp>

#include "bitbucket/signature.h"
#include "cmd/receiverctl/explain.h"
#include "crypto/crypto.h"
#include "git/repository.h"
#include "json/json.h"

namespace receiver::ctl {
namespace {

using Texts = std::vector<std::string>;

constexpr const char* kTime = "2026-03-14T11:20:01Z";

const bitbucket::Event& event_named(std::string_view key) {
  for (const bitbucket::Event& event : bitbucket::kEvents) {
    if (event.key == key) return event;
  }
  throw std::logic_error("no such event");
}

bitbucket::Push pushed(std::string_view event, const SampleSubject& subject) {
  const auto body = sample_body(event_named(event), subject);
  REQUIRE(body);
  REQUIRE(json::parse(*body));
  const auto payload = bitbucket::parse_payload(event_named(event).kind, *body);
  REQUIRE(payload);
  return std::get<bitbucket::Push>(*payload);
}

}  // namespace

TEST_CASE("a sample push names the repository in whatever form it was given") {
  struct Row {
    std::string given;
    std::string_view event;
    Texts urls;
  };
  const std::vector<Row> rows{
      {"https://bitbucket.org/Acme/shop.git", "repo:push", {"https://bitbucket.org/acme/shop"}},
      {"git@bitbucket.org:acme/shop.git", "repo:push", {"https://bitbucket.org/acme/shop"}},
      {"ssh://git@altssh.bitbucket.org:443/acme/shop",
       "repo:push",
       {"https://bitbucket.org/acme/shop"}},
      {"https://git.example.com/scm/acme/shop.git",
       "repo:refs_changed",
       {"https://git.example.com/scm/acme/shop.git",
        "ssh://git@git.example.com:7999/acme/shop.git"}},
      {"https://git.example.com:8443/git/scm/~jo/shop.git",
       "repo:refs_changed",
       {"https://git.example.com:8443/git/scm/~jo/shop.git",
        "ssh://git@git.example.com:7999/~jo/shop.git"}},
      {"ssh://git@git.example.com:7998/acme/shop.git",
       "repo:refs_changed",
       {"https://git.example.com/scm/acme/shop.git",
        "ssh://git@git.example.com:7998/acme/shop.git"}},
  };
  for (const Row& row : rows) {
    INFO(row.given);
    CHECK(push_event_of(row.given) == row.event);
    const auto push = pushed(row.event, {row.given, "main", "", "", kTime});
    CHECK(push.repository_urls == row.urls);
    CHECK(push.refs == Texts{"refs/heads/main"});
    // The delivery reaches the Warehouse with the given URL.
    CHECK(std::any_of(
        push.repository_urls.begin(), push.repository_urls.end(),
        [&](const std::string& url) { return git::identity(url) == git::identity(row.given); }));
  }
}

TEST_CASE("a sample push names the repository whose page was given") {
  const Texts on_server{"https://git.example.com/git/scm/acme/shop.git",
                        "ssh://git@git.example.com:7999/acme/shop.git"};
  for (const std::string page :
       {"https://git.example.com/git/projects/ACME/repos/shop/browse",
        "https://git.example.com/git/projects/ACME/repos/shop/pull-requests/7/overview"}) {
    INFO(page);
    CHECK(pushed(push_event_of(page), {page, "main", "", "", kTime}).repository_urls == on_server);
  }
  const std::string page = "https://bitbucket.org/Acme/shop/src/main/";
  CHECK(pushed(push_event_of(page), {page, "main", "", "", kTime}).repository_urls ==
        Texts{"https://bitbucket.org/acme/shop"});
}

TEST_CASE("a sample push of a tag names it in full") {
  for (const char* repository :
       {"https://bitbucket.org/acme/shop", "https://git.example.com/scm/acme/shop.git"}) {
    INFO(repository);
    const auto push = pushed(push_event_of(repository), {repository, "", "v1/\"2\"", "", kTime});
    CHECK(push.refs == Texts{"refs/tags/v1/\"2\""});
  }
}

TEST_CASE("a sample of every pull request event names the pull request, and is recognised") {
  const std::string url = "https://git.example.com/projects/ACME/repos/gitops/pull-requests/7";
  for (const bitbucket::Event& event : bitbucket::kEvents) {
    if (event.kind.action != bitbucket::Action::kRefreshPromotions) continue;
    INFO(event.key);
    const auto body = sample_body(event, {"", "", "", url, kTime});
    REQUIRE(body);
    REQUIRE(json::parse(*body));
    const auto payload = bitbucket::parse_payload(event.kind, *body);
    REQUIRE(payload);
    CHECK(std::get<bitbucket::PullRequest>(*payload).urls == Texts{url});
    const auto guessed = guessed_event(*body);
    REQUIRE(guessed);
    CHECK(guessed->kind == event.kind);
  }
}

TEST_CASE("a sample without its subject says what is missing") {
  const auto failure = [](std::string_view event, const SampleSubject& subject) {
    const auto body = sample_body(event_named(event), subject);
    REQUIRE_FALSE(body);
    CHECK(body.error().code == ExitCode::kUsage);
    return body.error().message;
  };
  using Catch::Contains;
  for (const char* repository :
       {"", "shop", "https://bitbucket.org", "https://bitbucket.org/shop"}) {
    INFO(repository);
    CHECK_THAT(failure("repo:push", {repository, "main", "", "", kTime}), Contains("--repo"));
  }
  CHECK_THAT(failure("repo:push", {"https://git.example.com/scm/a/b", "main", "", "", kTime}),
             Contains("names a repository of Bitbucket Data Center"));
  CHECK_THAT(failure("repo:refs_changed", {"https://bitbucket.org/a/b", "main", "", "", kTime}),
             Contains("names a repository of Bitbucket Cloud"));
  CHECK_THAT(failure("pr:merged", {"", "", "", "", kTime}), Contains("--pull-request"));
  CHECK_THAT(failure("pr:merged", {"", "", "", "https://h/p", kTime}), Contains("--pull-request"));
}

TEST_CASE("a delivery bears the header fields of its product") {
  const auto cloud = delivery_headers("repo:push", "the-id");
  CHECK(cloud.find("x-event-key") == "repo:push");
  CHECK(cloud.find("X-Request-UUID") == "the-id");
  CHECK(cloud.find("X-Attempt-Number") == "1");
  CHECK_FALSE(cloud.find("X-Request-Id"));
  for (const char* event : {"pr:merged", "diagnostics:ping"}) {
    const auto data_center = delivery_headers(event, "the-id");
    CHECK(data_center.find("X-Request-Id") == "the-id");
    CHECK_FALSE(data_center.find("X-Request-UUID"));
  }
}

TEST_CASE("UUIDs are random ones of version 4") {
  const std::regex form("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  const std::string first = new_uuid();
  CHECK(std::regex_match(first, form));
  CHECK(first != new_uuid());
}

TEST_CASE("a signature is one that the operator accepts") {
  const auto signature = bitbucket::parse_signature(signature_of("body", "secret"));
  REQUIRE(signature);
  crypto::Hmac hmac(crypto::HashAlgorithm::kSha256, "secret");
  hmac.update("body");
  CHECK(bitbucket::matches(*signature, hmac.digest()));
}

}  // namespace receiver::ctl
