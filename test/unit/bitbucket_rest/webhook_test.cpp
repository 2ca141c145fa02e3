#include "bitbucket_rest/webhook.h"

#include <catch2/catch.hpp>

namespace receiver::bitbucket_rest {
namespace {

using bitbucket::Source;

const std::string kDigits(64, 'a');
const std::string kOldDigits(64, 'b');
const std::string kReceiverUrl = "https://hooks.example.com/kargo/bitbucket/" + kDigits;
const std::string kFormerUrl = "https://hooks.example.com/kargo/bitbucket/" + kOldDigits;
constexpr const char* kReceiverSecret = "the-secret-of-the-receiver";

WantedWebhook wanted(bool pull_requests = false) {
  return {.title = "Kargo demo/bb",
          .url = kReceiverUrl,
          .secret = crypto::SecretString(kReceiverSecret),
          .former_url = {},
          .pull_requests = pull_requests};
}

/// As it should be.
Webhook registered(std::string id = "1") {
  return {
      .id = std::move(id), .title = "Kargo demo/bb", .url = kReceiverUrl, .events = {"repo:push"}};
}

std::string text_of(const std::vector<Difference>& differences) {
  std::string text;
  for (const Difference& one : differences) {
    text += std::string(one.field) + ": " + one.from + " -> " + one.to + "\n";
  }
  return text;
}

Plan plan(const std::vector<Webhook>& existing, const WantedWebhook& want = wanted()) {
  return plan_webhook(Source::kCloud, existing, want, false);
}

}  // namespace

TEST_CASE("titles name project and receiver") {
  CHECK(webhook_title("demo", "bb") == "Kargo demo/bb");
  CHECK(webhook_title("", "bb") == "Kargo bb");
}

TEST_CASE("pull requests are asked for where promotions wait for them, and stay once they are") {
  using Events = std::vector<std::string>;
  CHECK(wanted_events(Source::kCloud, false, {}) == Events{"repo:push"});
  CHECK(wanted_events(Source::kCloud, true, {}) ==
        Events{"repo:push", "pullrequest:fulfilled", "pullrequest:rejected"});
  CHECK(wanted_events(Source::kDataCenter, false, {}) == Events{"repo:refs_changed"});
  CHECK(wanted_events(Source::kDataCenter, true, {}) ==
        Events{"repo:refs_changed", "pr:merged", "pr:declined", "pr:deleted"});
  CHECK(wanted_events(Source::kCloud, false, {"pullrequest:fulfilled", "repo:fork"}) ==
        Events{"repo:push", "pullrequest:fulfilled"});
}

TEST_CASE("a repository without the receiver's webhook gets one") {
  const Plan made = plan({});
  CHECK(made.action == Action::kCreate);
  CHECK(made.webhook.id.empty());
  CHECK(made.webhook.secret->view() == kReceiverSecret);
  CHECK(text_of(made.differences) == "title:  -> Kargo demo/bb\nurl:  -> " + kReceiverUrl +
                                         "\nevents:  -> repo:push\nactive:  -> yes\n"
                                         "secret:  -> set\n");
  CHECK(made.notes.empty());
}

TEST_CASE("a webhook that is right is left alone, whatever the order of its events") {
  Webhook right = registered();
  CHECK(plan({right}).action == Action::kNone);
  CHECK(plan({right}).differences.empty());

  right.events = {"pullrequest:rejected", "repo:push", "pullrequest:fulfilled"};
  CHECK(plan({right}, wanted(true)).action == Action::kNone);
  // Data Center shows the secret.
  right.secret = crypto::SecretString(kReceiverSecret);
  CHECK(plan({right}).action == Action::kNone);
}

TEST_CASE("a webhook that may have another secret is written again on demand") {
  const Plan made = plan_webhook(Source::kCloud, {registered()}, wanted(), true);
  CHECK(made.action == Action::kUpdate);
  CHECK(text_of(made.differences) == "secret:  -> set again\n");
}

TEST_CASE("whatever differs is put right, and told") {
  struct Case {
    const char* what;
    Webhook webhook;
    std::string differences;
  };
  Webhook other_title = registered();
  other_title.title = "by hand";
  Webhook inactive = registered();
  inactive.active = false;
  Webhook no_push = registered();
  no_push.events = {"repo:fork", "issue:created"};
  Webhook moved = registered();
  moved.url = "https://old.example.com/kargo/bitbucket/" + kDigits;
  Webhook without_secret = registered();
  without_secret.secret.emplace();
  Webhook other_secret = registered();
  other_secret.secret = crypto::SecretString("another");
  for (const Case& one : std::vector<Case>{
           {"the title", other_title, "title: by hand -> Kargo demo/bb\n"},
           {"inactive", inactive, "active: no -> yes\n"},
           {"events", no_push, "events: issue:created, repo:fork -> repo:push\n"},
           {"the host", moved, "url: " + moved.url + " -> " + kReceiverUrl + "\n"},
           {"no secret", without_secret, "secret:  -> set (there was none)\n"},
           {"another secret", other_secret, "secret:  -> changed\n"},
       }) {
    INFO(one.what);
    const Plan made = plan({one.webhook});
    CHECK(made.action == Action::kUpdate);
    CHECK(made.webhook.id == "1");
    CHECK(text_of(made.differences) == one.differences);
  }
}

TEST_CASE("a rotated secret updates the webhook instead of adding a second") {
  const std::string difference =
      "url: " + kFormerUrl + " -> " + kReceiverUrl + "\nsecret:  -> changed, as the URL\n";
  Webhook old = registered();
  old.url = kFormerUrl;
  SECTION("known by its title") {
    const Plan made = plan({registered("7"), old});
    CHECK(made.webhook.id == "7");
    CHECK(made.action == Action::kNone);  // the one at the right path is there already
    CHECK(text_of(plan({old}).differences) == difference);
    CHECK(plan({old}).action == Action::kUpdate);
  }
  SECTION("known by the former path, under a title of somebody's own") {
    old.title = "by hand";
    WantedWebhook want = wanted();
    want.former_url = kFormerUrl;
    const Plan made = plan({old}, want);
    CHECK(made.action == Action::kUpdate);
    CHECK(made.webhook.id == "1");
    CHECK(text_of(made.differences) == "title: by hand -> Kargo demo/bb\n" + difference);
  }
}

TEST_CASE("webhooks of others are neither taken nor changed") {
  Webhook other = registered("3");
  other.title = "Jenkins";
  other.url = "https://ci.example.com/bitbucket-hook/";
  const Plan made = plan({other});
  CHECK(made.action == Action::kCreate);
  CHECK(made.notes.empty());

  other.title = "Kargo demo/bb2";
  other.url = kFormerUrl;
  const Plan beside = plan({other});
  CHECK(beside.action == Action::kCreate);
  REQUIRE(beside.notes.size() == 1);
  CHECK(beside.notes[0] ==
        "webhook 3 (Kargo demo/bb2) leads to another receiver, or to a former secret of this one: "
        "in the latter case delete it");
}

TEST_CASE("a webhook of the receiver's title that leads elsewhere is another cluster's") {
  Webhook other = registered("3");
  other.url = "https://other.example.com:8443/kargo/bitbucket/" + kOldDigits;
  const Plan made = plan({other});
  CHECK(made.action == Action::kCreate);
  REQUIRE(made.notes.size() == 1);
  CHECK(made.notes[0] ==
        "webhook 3 (Kargo demo/bb) has this receiver's title, but leads to "
        "other.example.com:8443: if no other cluster of yours is there, delete it");

  // On the same host, in whatever case, it is the receiver's own, with a former secret.
  other.url = "https://HOOKS.example.com/kargo/bitbucket/" + kOldDigits;
  CHECK(plan({other}).action == Action::kUpdate);
}

TEST_CASE("a second webhook of the same receiver is told of, and the surer one is taken") {
  Webhook old = registered("4");
  old.url = kFormerUrl;
  const Plan made = plan({old, registered("5")});
  CHECK(made.action == Action::kNone);
  CHECK(made.webhook.id == "5");
  REQUIRE(made.notes.size() == 1);
  CHECK(made.notes[0] ==
        "webhook 4 (Kargo demo/bb) is this receiver's too: delete it, or pushes are delivered "
        "twice");
}

TEST_CASE(
    "Bitbucket's titles, events and numbers are shown without secrets and control characters") {
  Webhook own = registered();
  own.title = std::string("by\x1b[31m \x80hand: ") + kReceiverSecret + " " + kDigits;
  own.events = {"repo:\npush"};
  Webhook twin = registered("\x1b{2}");
  twin.title = kReceiverSecret;
  const Plan made = plan({own, twin});
  CHECK(text_of(made.differences) ==
        "title: by\\u001b[31m �hand: … aaaaaaaa… -> Kargo demo/bb\n"
        "events: repo:\\npush -> repo:push\n");
  REQUIRE(made.notes.size() == 1);
  CHECK_THAT(made.notes[0], Catch::StartsWith("webhook \\u001b{2} (…) is this receiver's too"));

  twin.url = kFormerUrl;
  const Plan beside = plan({twin});
  REQUIRE(beside.notes.size() == 1);
  CHECK_THAT(beside.notes[0],
             Catch::StartsWith("webhook \\u001b{2} (…) leads to another receiver"));
}

TEST_CASE("whether the receiver's certificate is verified stays as it is") {
  Webhook lenient = registered();
  lenient.verifies_certificate = false;
  CHECK(plan({lenient}).action == Action::kNone);
  lenient.active = false;
  CHECK_FALSE(plan({lenient}).webhook.verifies_certificate);
  CHECK(plan({}).webhook.verifies_certificate);
}

TEST_CASE("URLs are shown without what cannot be guessed") {
  CHECK(masked_url(kReceiverUrl) == "https://hooks.example.com/kargo/bitbucket/aaaaaaaa…");
  CHECK(masked_url("https://a:b@ci.example.com:8443/job/token?x=y") ==
        "https://ci.example.com:8443/…");
  CHECK(masked_url("https://ci.example.com/bitbucket/abc") == "https://ci.example.com/…");
  CHECK(masked_url("https://ci%80.example.com/job") == "https://ci�.example.com/…");
  CHECK(masked_url("") == "…");
  CHECK(masked_url("nonsense") == "…");
}

TEST_CASE("a server's text is shown without secrets, control characters and beyond a length") {
  CHECK(masked_text("url " + kReceiverUrl + " is bad", kReceiverSecret) ==
        "url https://hooks.example.com/kargo/bitbucket/aaaaaaaa… is bad");
  CHECK(masked_text("secret the-secret-of-the-receiver is short", kReceiverSecret) ==
        "secret … is short");
  CHECK(masked_text("a\nb\x1b[31mc", "") == R"(a\nb\u001b[31mc)");
  const std::string cut = masked_text(std::string(499, '-') + "ééé", "");
  CHECK(cut == std::string(499, '-') + "é…");
  CHECK(masked_text("a\x80\xc3 é\xc2\x9b"
                    "31m \xed\xa0\x80\xe2\x82",
                    "") == "a\ufffd\ufffd é\\u009b31m \ufffd\ufffd\ufffd\ufffd\ufffd");
  CHECK(masked_text(std::string(1'000'000, '\x80'), "").size() < 600);
}

}  // namespace receiver::bitbucket_rest
