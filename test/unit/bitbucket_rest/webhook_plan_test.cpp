#include "bitbucket_rest/webhook_plan.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace receiver::bitbucket_rest {
namespace {

using bitbucket::Source;
using Webhooks = std::vector<Webhook>;

constexpr const char* kRightSecret = "the-secret-of-the-receiver";
constexpr const char* kMark = "[0123456789ab/bb]";

/// URLs that a webhook may have, with short names.
std::string url_of(const std::string& name) {
  const auto at = [](const std::string& base, char digit) {
    return "https://" + base + "/bitbucket/" + std::string(64, digit);
  };
  if (name == "NEW") return at("hooks.example.com/kargo", 'a');
  if (name == "FORMER") return at("hooks.example.com/kargo", 'b');
  if (name == "ROTATED") return at("hooks.example.com/kargo", 'c');
  if (name == "STAGING") return at("hooks.example.com/staging", 'a');
  if (name == "FORMER STAGING") return at("hooks.example.com/staging", 'b');
  if (name == "CLONE") return at("other.example.com/kargo", 'a');
  return name;
}

WantedWebhook wanted(bool pull_requests = false) {
  return {.name = "Kargo demo/bb",
          .mark = kMark,
          .url = url_of("NEW"),
          .secret = crypto::SecretString(kRightSecret),
          .former_url = url_of("FORMER"),
          .pull_requests = pull_requests};
}

/// A webhook as `register` creates it, with changes by the test.
struct At {
  std::string place = "NEW";
  std::string title = std::string("Kargo demo/bb ") + kMark;
  std::vector<std::string> events = {"repo:push"};
  bool active = true;
  bool inherited = false;
  std::optional<std::string> secret{};
  std::string made{};  ///< empty: in the order of their ids
};

Webhook hook(const std::string& id, const At& at = {}) {
  Webhook webhook{.id = id, .title = at.title, .url = url_of(at.place), .events = at.events};
  webhook.active = at.active;
  webhook.inherited = at.inherited;
  webhook.made = at.made.empty() ? id : at.made;
  if (at.secret) webhook.secret.emplace(std::string(*at.secret));
  return webhook;
}

/// The whole plan as text, with short names for URLs.
std::string told(const Plan& plan) {
  constexpr std::array kActions{"none", "create", "update", "delete", "postpone", "skip"};
  std::string text = kActions.at(static_cast<std::size_t>(plan.action));
  if (!plan.webhook.id.empty()) text += " " + plan.webhook.id;
  for (const Difference& one : plan.differences) {
    text += fmt::format("\n{}: {} -> {}", one.field, one.from, one.to);
  }
  for (const std::string& id : plan.surplus) text += "\nsurplus " + id;
  if (!plan.reason.empty()) text += "\n" + plan.reason;
  for (const std::string& note : plan.notes) text += "\nnote: " + note;
  for (const std::string name : {"NEW", "FORMER", "ROTATED", "STAGING", "CLONE"}) {
    const std::string url = url_of(name);
    for (std::size_t at = 0; (at = text.find(url)) != std::string::npos;) {
      text.replace(at, url.size(), name);
    }
  }
  return text;
}

struct Row {
  const char* rule;
  Webhooks existing;
  std::string expected;
};

void check(const std::vector<Row>& rows, Moves moves) {
  for (const Row& row : rows) {
    INFO(row.rule);
    CHECK(told(plan_webhook(Source::kCloud, row.existing, wanted(), moves, false)) == row.expected);
    // In any order of Bitbucket's list.
    const Webhooks reversed(row.existing.rbegin(), row.existing.rend());
    if (row.expected.find("note: ") == std::string::npos) {
      CHECK(told(plan_webhook(Source::kCloud, reversed, wanted(), moves, false)) == row.expected);
    }
  }
}

const std::string kCreated = std::string("create\ntitle:  -> Kargo demo/bb ") + kMark +
                             "\nurl:  -> NEW\nevents:  -> repo:push\nactive:  -> yes\n"
                             "secret:  -> set";
const std::string kMoved = " -> NEW\nsecret:  -> changed, as the URL";

}  // namespace

TEST_CASE("pull requests are asked for where promotions wait for them, and all events stay") {
  using Events = std::vector<std::string>;
  CHECK(wanted_events(Source::kCloud, false, {}) == Events{"repo:push"});
  CHECK(wanted_events(Source::kCloud, true, {}) ==
        Events{"repo:push", "pullrequest:fulfilled", "pullrequest:rejected"});
  CHECK(wanted_events(Source::kDataCenter, false, {}) == Events{"repo:refs_changed"});
  CHECK(wanted_events(Source::kDataCenter, true, {}) ==
        Events{"repo:refs_changed", "pr:merged", "pr:declined", "pr:deleted"});
  CHECK(wanted_events(Source::kCloud, false, {"pullrequest:fulfilled", "repo:fork"}) ==
        Events{"pullrequest:fulfilled", "repo:fork", "repo:push"});
}

TEST_CASE("which webhook is the receiver's own") {
  const std::string title = "by hand";
  check(
      {
          {"none: it is made", {}, kCreated},
          {"one at the URL", {hook("1")}, "none 1"},
          {"at the URL, by another spelling, which stays",
           {hook("1", {.place = "https://HOOKS.example.com:443/kargo/bitbucket/" +
                                std::string(64, 'a')})},
           "none 1"},
          {"at the URL, made by hand: from now on it is marked",
           {hook("1", {.title = title})},
           fmt::format("update 1\ntitle: by hand -> by hand {}", kMark)},
          {"at the former URL", {hook("1", {.place = "FORMER"})}, "update 1\nurl: FORMER" + kMoved},
          {"at the former URL, made by hand",
           {hook("1", {.place = "FORMER", .title = title})},
           fmt::format("update 1\ntitle: by hand -> by hand {}\nurl: FORMER{}", kMark, kMoved)},
          {"marked, though its secret was forgotten",
           {hook("1", {.place = "ROTATED"})},
           "update 1\nurl: ROTATED" + kMoved},
          {"marked, somewhere in its title, which stays",
           {hook("1", {.title = std::string("do not touch ") + kMark + " thanks"})},
           "none 1"},
          {"a stranger's",
           {hook("1", {.place = "https://ci.example.com/hook", .title = "Jenkins"})},
           kCreated},
          {"another cluster's by its mark, though it has the same digits",
           {hook("1", {.place = "CLONE", .title = "Kargo demo/bb [ba9876543210/bb]"})},
           kCreated + "\nnote: webhook 1 (Kargo demo/bb [ba9876543210/bb]) has this receiver's "
                      "title, but leads to https://other.example.com/kargo/bitbucket/aaaaaaaa…: if "
                      "no other cluster of yours is there, delete it"},
          {"another environment's on the same host: the title says nothing",
           {hook("1", {.place = "STAGING", .title = "Kargo demo/bb"})},
           kCreated + "\nnote: webhook 1 (Kargo demo/bb) has this receiver's title, but leads to "
                      "https://hooks.example.com/staging/bitbucket/aaaaaaaa…: if no other cluster "
                      "of yours is there, delete it"},
          {"another receiver's at the same base URL",
           {hook("1", {.place = "ROTATED", .title = "Kargo demo/bb2"})},
           kCreated +
               "\nnote: webhook 1 (Kargo demo/bb2) leads to another receiver, or to a former "
               "secret of this one: in the latter case delete it"},
      },
      Moves::kRotation);
}

TEST_CASE("a webhook is moved only where that is meant") {
  const Webhooks former{hook("1", {.place = "FORMER"})};
  const Webhooks rotated{hook("1", {.place = "ROTATED"})};
  const Webhooks staging{hook("1", {.place = "STAGING"})};
  const std::string later = "postpone 1\nit is moved once every replica serves the new URL";
  check({{"missing ones are made at once", {}, kCreated},
         {"rotated", former, later},
         {"rotated, without secret.previous", rotated, later},
         {"another base URL", staging, later},
         {"what leads here already is put right",
          {hook("1", {.events = {"repo:fork"}})},
          "update 1\nevents: repo:fork -> repo:fork, repo:push"}},
        Moves::kNone);
  check({{"another base URL", staging,
          fmt::format("skip 1\nwebhook 1 (Kargo demo/bb {}) is this receiver's, but leads to "
                      "https://hooks.example.com/staging/bitbucket/aaaaaaaa…: --move moves it to "
                      "https://hooks.example.com/kargo/bitbucket/aaaaaaaa…",
                      kMark)},
         {"one that leads here, beside it: nothing is to be moved",
          {hook("1", {.place = "STAGING"}), hook("2")},
          fmt::format("none 2\nnote: webhook 1 (Kargo demo/bb {}) is this receiver's too: delete "
                      "it, or pushes are delivered twice",
                      kMark)}},
        Moves::kRotation);
  check({{"rotated", former, "update 1\nurl: FORMER" + kMoved},
         {"another base URL", staging, "update 1\nurl: STAGING" + kMoved},
         {"another host", {hook("1", {.place = "CLONE"})}, "update 1\nurl: CLONE" + kMoved},
         {"no URL at all", {hook("1", {.place = ""})}, "update 1\nurl: " + kMoved}},
        Moves::kAll);
}

TEST_CASE("whatever differs is put right, and nothing else") {
  check({{"events of people stay",
          {hook("1", {.events = {"repo:fork", "pullrequest:fulfilled", "repo:push"}})},
          "none 1"},
         {"the push is missing",
          {hook("1", {.events = {"repo:fork", "issue:created"}})},
          "update 1\nevents: issue:created, repo:fork -> issue:created, repo:fork, repo:push"},
         {"the right secret", {hook("1", {.secret = kRightSecret})}, "none 1"},
         {"no secret", {hook("1", {.secret = ""})}, "update 1\nsecret:  -> set (there was none)"},
         {"another secret", {hook("1", {.secret = "x"})}, "update 1\nsecret:  -> changed"},
         {"a title without room for the mark",
          {hook("1", {.title = std::string(250, 'x')})},
          "none 1"},
         {"no title",
          {hook("1", {.title = ""})},
          fmt::format("update 1\ntitle:  -> Kargo demo/bb {}", kMark)}},
        Moves::kAll);

  const auto with_requests = [](std::vector<std::string> events) {
    return told(plan_webhook(Source::kCloud, {hook("1", {.events = std::move(events)})},
                             wanted(true), Moves::kAll, false));
  };
  CHECK(with_requests({"pullrequest:rejected", "repo:push", "pullrequest:fulfilled"}) == "none 1");
  CHECK(with_requests({"repo:push"}) ==
        "update 1\nevents: repo:push -> pullrequest:fulfilled, pullrequest:rejected, repo:push");
  // A secret that cannot be seen is written on demand.
  CHECK(told(plan_webhook(Source::kCloud, {hook("1")}, wanted(), Moves::kAll, true)) ==
        "update 1\nsecret:  -> set again");

  Webhook theirs = hook("1", {.place = "FORMER"});
  theirs.verifies_certificate = false;
  theirs.credentials = crypto::SecretString("{}");
  theirs.configuration = crypto::SecretString(",\"a\":1");
  const Webhook written =
      plan_webhook(Source::kDataCenter, {theirs}, wanted(), Moves::kAll, false).webhook;
  CHECK_FALSE(written.verifies_certificate);
  CHECK(written.credentials.view() == "{}");
  CHECK(written.configuration.view() == ",\"a\":1");
  CHECK(written.secret->view() == kRightSecret);
  CHECK(
      plan_webhook(Source::kCloud, {}, wanted(), Moves::kAll, false).webhook.verifies_certificate);
}

TEST_CASE("a webhook that somebody has switched off stays off") {
  const std::string off = fmt::format(
      "skip 1\nwebhook 1 (Kargo demo/bb {}) is switched off, and stays off: switch it on in "
      "Bitbucket, or delete it",
      kMark);
  for (const Moves moves : {Moves::kNone, Moves::kRotation, Moves::kAll}) {
    check({{"at the URL", {hook("1", {.active = false})}, off},
           {"though it would have to be moved",
            {hook("1", {.place = "FORMER", .active = false})},
            off},
           {"beside an active one: no deliveries of both",
            {hook("1", {.active = false}), hook("2")},
            "none 2"},
           {"the project's, for all of its repositories",
            {hook("1", {.active = false, .inherited = true})},
            off}},
          moves);
  }
}

TEST_CASE("of two with our mark at one URL the newer is deleted, and nothing else ever") {
  const std::string twice = ": delete it, or pushes are delivered twice";
  check({{"made by a race",
          {hook("1"), hook("2"), hook("3")},
          fmt::format("delete 1\nduplicate: 2 (Kargo demo/bb {0}) -> deleted\n"
                      "duplicate: 3 (Kargo demo/bb {0}) -> deleted\nsurplus 2\nsurplus 3",
                      kMark)},
         {"by their age",
          {hook("1", {.made = "later"}), hook("2", {.made = "at first"})},
          fmt::format("delete 2\nduplicate: 1 (Kargo demo/bb {}) -> deleted\nsurplus 1", kMark)},
         {"the older one is put right first",
          {hook("1", {.events = {"repo:fork"}}), hook("2")},
          fmt::format("update 1\nevents: repo:fork -> repo:fork, repo:push\n"
                      "duplicate: 2 (Kargo demo/bb {}) -> deleted\nsurplus 2",
                      kMark)},
         {"before they were moved",
          {hook("1", {.place = "FORMER"}), hook("2", {.place = "FORMER"})},
          fmt::format("update 1\nurl: FORMER{}\nduplicate: 2 (Kargo demo/bb {}) -> deleted\n"
                      "surplus 2",
                      kMoved, kMark)},
         {"not a switched off one", {hook("1"), hook("2", {.active = false})}, "none 1"},
         {"not one without the mark",
          {hook("1", {.title = "by hand"}), hook("2")},
          "none 2\nnote: webhook 1 (by hand) is this receiver's too" + twice},
         {"not one at another URL",
          {hook("1", {.place = "FORMER"}), hook("2")},
          fmt::format("none 2\nnote: webhook 1 (Kargo demo/bb {}) is this receiver's too{}", kMark,
                      twice)},
         {"not the project's",
          {hook("1"), hook("2", {.inherited = true})},
          fmt::format(
              "none 1\nnote: webhook 2 (Kargo demo/bb {}) of the whole project also leads here{}",
              kMark, twice)}},
        Moves::kAll);

  Webhooks many;
  for (int i = 0; i < 50; ++i) many.push_back(hook(std::to_string(100 + i)));
  CHECK(plan_webhook(Source::kCloud, many, wanted(), Moves::kAll, false).surplus.size() ==
        kMaxSurplus);
}

TEST_CASE("no webhook is made beside one that the repository inherits") {
  check({{"it leads here",
          {hook("1", {.title = "by hand", .inherited = true})},
          "none 1\nnote: webhook 1 (by hand) of the whole project leads here"},
         {"it lacks an event, which is not to be put right here",
          {hook("1", {.title = "by hand", .events = {"repo:fork"}, .inherited = true})},
          kCreated + "\nnote: webhook 1 (by hand) of the whole project also leads here, but lacks "
                     "the events repo:push"},
         {"it signs by another secret",
          {hook("1", {.title = "by hand", .inherited = true, .secret = "x"})},
          kCreated + "\nnote: webhook 1 (by hand) of the whole project also leads here, but has "
                     "another secret"},
         {"it does not sign",
          {hook("1", {.title = "by hand", .inherited = true, .secret = ""})},
          kCreated + "\nnote: webhook 1 (by hand) of the whole project also leads here, but has no "
                     "secret"},
         {"it signs by the right one",
          {hook("1", {.title = "by hand", .inherited = true, .secret = kRightSecret})},
          "none 1\nnote: webhook 1 (by hand) of the whole project leads here"},
         {"one that would not do is there beside the repository's own",
          {hook("1"), hook("2", {.title = "by hand", .inherited = true, .secret = "x"})},
          "none 1\nnote: webhook 2 (by hand) of the whole project also leads here, but has another "
          "secret"},
         {"it leads to the former URL, and cannot be moved",
          {hook("1", {.place = "FORMER", .inherited = true})},
          kCreated},
         {"it is marked, and leads elsewhere",
          {hook("1", {.place = "ROTATED", .inherited = true})},
          kCreated},
         {"the repository's own is switched off, and its is not",
          {hook("1", {.active = false}), hook("2", {.title = "by hand", .inherited = true})},
          "none 2\nnote: webhook 2 (by hand) of the whole project leads here"}},
        Moves::kAll);
}

TEST_CASE("what is inherited may be listed by itself, or with the repository's") {
  const Webhooks inherited{hook("1", {.title = "by hand", .inherited = true})};
  const std::string expected = "none 1\nnote: webhook 1 (by hand) of the whole project leads here";
  for (const Webhooks& existing : {Webhooks{}, inherited}) {
    CHECK(told(plan_webhook(Source::kCloud, existing, wanted(), Moves::kAll, false, inherited)) ==
          expected);
  }
}

TEST_CASE("only the receiver's own webhooks are deleted") {
  const Webhooks existing{hook("now"),
                          hook("off", {.active = false}),
                          hook("by hand", {.title = "by hand"}),
                          hook("former", {.place = "FORMER", .title = "by hand"}),
                          hook("rotated", {.place = "ROTATED"}),
                          hook("moved", {.place = "STAGING"}),
                          hook("both", {.place = "FORMER STAGING"}),
                          hook("inherited", {.inherited = true}),
                          hook("ci", {.place = "https://ci.example.com/hook", .title = "CI"}),
                          hook("clone", {.place = "CLONE", .title = "Kargo demo/bb [other/bb]"})};
  const auto going = [&](bool stale_only) {
    std::vector<std::string> ids;
    for (const Webhook& webhook : webhooks_to_delete(existing, wanted(), stale_only)) {
      ids.push_back(webhook.id);
    }
    std::ranges::sort(ids);
    return fmt::format("{}", fmt::join(ids, " "));
  };
  CHECK(going(false) == "both by hand former moved now off rotated");
  CHECK(going(true) == "rotated");
}

TEST_CASE("without a mark nothing is marked") {
  WantedWebhook unmarked = wanted();
  unmarked.mark = "";
  const Webhook stranger = hook("1", {.place = "https://ci.example.com/hook", .title = "CI"});
  CHECK(plan_webhook(Source::kCloud, {stranger}, unmarked, Moves::kAll, false).action ==
        Action::kCreate);
}

TEST_CASE("Bitbucket's texts are shown without secrets and control characters") {
  const std::string digits(64, 'a');
  const Webhook own =
      hook("1", {.title = std::string("by\x1b[31m \x80hand: ") + kRightSecret + " " + digits,
                 .events = {"repo:\npush"}});
  const Webhook twin = hook("2\x1b{2}", {.title = kRightSecret});
  const Plan made = plan_webhook(Source::kCloud, {own, twin}, wanted(), Moves::kAll, false);
  CHECK(told(made) == fmt::format("update 1\n"
                                  "title: by\\u001b[31m �hand: … aaaaaaaa… -> "
                                  "by\\u001b[31m �hand: … aaaaaaaa… {}\n"
                                  "events: repo:\\npush -> repo:\\npush, repo:push\n"
                                  "note: webhook 2\\u001b{{2}} (…) is this receiver's too: delete "
                                  "it, or pushes are delivered twice",
                                  kMark));
}

}  // namespace receiver::bitbucket_rest
