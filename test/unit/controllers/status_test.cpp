#include "controllers/status.h"

#include <catch2/catch.hpp>

namespace receiver::controllers {
namespace {

const clock::Wall::time_point kNow{std::chrono::seconds(1'700'000'000)};
const std::string kNowText = "2023-11-14T22:13:20Z";

api::ReceiverOwner owner_of(std::vector<api::Receiver> receivers) {
  api::ReceiverOwner owner;
  owner.meta.key = {"p", "p"};
  owner.meta.generation = 7;
  owner.receivers = std::move(receivers);
  return owner;
}

DerivedReceivers publishing(const std::string& name, const std::string& path) {
  DerivedReceivers derived;
  derived.published.push_back({name, path, "https://h" + path});
  return derived;
}

const api::Condition* condition(const api::OwnerStatus& status, std::string_view type) {
  for (const api::Condition& c : status.conditions) {
    if (c.type == type) return &c;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("a healthy object is Ready, and its status then needs no further write") {
  api::ReceiverOwner owner = owner_of({{"r", true, "s"}});
  owner.refresh = "token-1";
  const auto next = next_status(owner, publishing("r", "/bitbucket/1"), kNow);
  REQUIRE(next.has_value());
  CHECK(next->observed_generation == 7);
  CHECK(next->last_handled_refresh == "token-1");
  REQUIRE(next->webhook_receivers.size() == 1);
  REQUIRE(next->conditions.size() == 1);
  CHECK(next->conditions[0] == api::Condition{"Ready", "True", "Synced",
                                              "ProjectConfig is synced and ready for use", kNowText,
                                              7});
  owner.status = *next;
  CHECK_FALSE(next_status(owner, publishing("r", "/bitbucket/1"), kNow + std::chrono::hours(1))
                  .has_value());
}

TEST_CASE("failures are all named, and the good receivers are published all the same") {
  const api::ReceiverOwner owner = owner_of({{"r", true, "s"}, {"x", true, "t"}, {"y", true, "u"}});
  DerivedReceivers derived = publishing("r", "/bitbucket/1");
  derived.failures = {{"x", "SecretNotFound", "Secret t not found"},
                      {"y", "SecretInvalid", "Secret u is empty"}};
  const auto next = next_status(owner, derived, kNow);
  REQUIRE(next.has_value());
  CHECK(next->webhook_receivers.size() == 1);
  CHECK(next->conditions[0].status == "False");
  CHECK(next->conditions[0].reason == "SyncWebhookReceiversFailed");
  CHECK(next->conditions[0].message ==
        "Failed to sync WebhookReceivers: receiver \"x\": Secret t not found; receiver \"y\": "
        "Secret u is empty");
}

TEST_CASE("lastTransitionTime moves only when the status value changes") {
  api::ReceiverOwner owner = owner_of({{"r", true, "s"}});
  owner.status = *next_status(owner, publishing("r", "/bitbucket/1"), kNow);
  const auto later =
      next_status(owner, publishing("r", "/bitbucket/2"), kNow + std::chrono::hours(1));
  REQUIRE(later.has_value());
  CHECK(later->conditions[0].last_transition_time == kNowText);
  DerivedReceivers failing;
  failing.failures = {{"r", "SecretNotFound", "Secret s not found"}};
  const auto failed = next_status(owner, failing, kNow + std::chrono::seconds(1));
  REQUIRE(failed.has_value());
  CHECK(failed->conditions[0].last_transition_time == "2023-11-14T22:13:21Z");
}

TEST_CASE("entries and conditions of others keep their place and content") {
  api::ReceiverOwner owner = owner_of({{"gh", false, ""}, {"r", true, "s"}, {"gl", false, ""}});
  owner.status.webhook_receivers = {{"gl", "/gitlab/2", "https://h/gitlab/2"},
                                    {"gone", "/bitbucket/0", "https://h/bitbucket/0"},
                                    {"gh", "/github/1", "https://h/github/1"}};
  owner.status.conditions = {{"Healthy", "True", "Fine", "", kNowText, 1},
                             {"Reconciling", "True", "x", "", kNowText, 1}};
  const auto next = next_status(owner, publishing("r", "/bitbucket/1"), kNow);
  REQUIRE(next.has_value());
  REQUIRE(next->webhook_receivers.size() == 3);
  CHECK(next->webhook_receivers[0].path == "/github/1");
  CHECK(next->webhook_receivers[1].path == "/bitbucket/1");
  CHECK(next->webhook_receivers[2].path == "/gitlab/2");
  CHECK(condition(*next, "Healthy") != nullptr);
  CHECK(condition(*next, "Reconciling") == nullptr);
  CHECK(condition(*next, "Ready")->status == "True");
}

TEST_CASE("a failure of a receiver of another type is kept, ours is appended once") {
  api::ReceiverOwner owner = owner_of({{"gh", false, ""}, {"r", true, "s"}});
  owner.status.conditions = {
      {"Ready", "False", "SyncWebhookReceiversFailed", "receiver gh: no Secret", kNowText, 7},
      {"Reconciling", "True", "Syncing", "", kNowText, 7}};
  DerivedReceivers failing;
  failing.failures = {{"r", "SecretNotFound", "Secret s not found"}};
  auto next = next_status(owner, failing, kNow);
  REQUIRE(next.has_value());
  CHECK(condition(*next, "Ready")->message ==
        "receiver gh: no Secret | bitbucket: receiver \"r\": Secret s not found");
  owner.status = *next;
  CHECK_FALSE(next_status(owner, failing, kNow).has_value());
  next = next_status(owner, publishing("r", "/bitbucket/1"), kNow);
  REQUIRE(next.has_value());
  CHECK(condition(*next, "Ready")->status == "False");
  CHECK(condition(*next, "Ready")->message == "receiver gh: no Secret");
  // Its writer is still active.
  CHECK(condition(*next, "Reconciling") != nullptr);
}

TEST_CASE("a failure counts as another's only if it names a receiver of another type") {
  struct Case {
    std::string what, message;
    bool kept;
  };
  const std::string prefix = "Failed to sync WebhookReceivers: ";
  for (const auto& [what, message, kept] : {
           Case{"its name", prefix + "gh: no Secret", true},
           Case{"its name in quotes", prefix + R"(receiver "gh": no Secret)", true},
           Case{"its name after ours",
                prefix + R"(receiver "r": Secret s not found; receiver "gh": no Secret)", true},
           Case{"its name at the end of a sentence", "Cannot publish gh.", true},
           Case{"a longer name", prefix + "gh-2: no Secret", false},
           Case{"another name", prefix + "weigh: no Secret", false},
           Case{"a Secret of ours by that name",
                prefix + R"(receiver "r": Secret gh not found; create it)", false},
           Case{"one of ours that left the spec",
                prefix + R"(receiver "gone": Secret gh not found; create it)", false},
           Case{"nothing", prefix + "timed out", false},
       }) {
    INFO(what);
    api::ReceiverOwner owner = owner_of({{"gh", false, ""}, {"r", true, "s"}});
    owner.status.conditions = {
        {"Ready", "False", "SyncWebhookReceiversFailed", message, kNowText, 7}};
    const auto next = next_status(owner, publishing("r", "/bitbucket/1"), kNow);
    REQUIRE(next.has_value());
    CHECK(condition(*next, "Ready")->status == (kept ? "False" : "True"));
    if (kept) CHECK(condition(*next, "Ready")->message == message);
  }
}

namespace {

/// A status as Kargo's management controller leaves it when receivers fail: the good ones are
/// published, Reconciling stays, and observedGeneration is that of the last success.
api::OwnerStatus failed_by_kargo(const std::vector<std::pair<std::string, std::string>>& failing,
                                 api::OwnerKind kind = api::OwnerKind::kProjectConfig) {
  std::string errors;
  for (const auto& [receiver, secret] : failing) {
    errors += (errors.empty() ? "" : ", ") + std::string("error syncing WebhookReceiver \"") +
              receiver + "\": error getting Secret \"" + secret +
              "\" in namespace \"p\": secrets \"" + secret + "\" not found";
  }
  if (failing.size() > 1) errors = "[" + errors + "]";
  api::OwnerStatus status;
  status.observed_generation = 5;
  status.conditions = {
      {"Ready", "False", "SyncWebhookReceiversFailed",
       (kind == api::OwnerKind::kProjectConfig ? "Failed to sync WebhookReceivers: "
                                               : "Failed to sync webhook receivers: ") +
           errors,
       kNowText, 7},
      {"Reconciling", "True", "SyncingWebhooks", "Syncing WebhookReceivers", kNowText, 7}};
  return status;
}

/// A good receiver r, and failing ones.
DerivedReceivers deriving(const std::vector<std::string>& failing) {
  DerivedReceivers derived = publishing("r", "/bitbucket/1");
  for (const std::string& name : failing) {
    derived.failures.push_back({name, "SecretNotFound", "Secret t not found"});
  }
  return derived;
}

}  // namespace

TEST_CASE("Kargo's failure that names exactly the receivers that fail here is not written over") {
  const auto kind = GENERATE(api::OwnerKind::kProjectConfig, api::OwnerKind::kClusterConfig);
  api::ReceiverOwner owner = owner_of(
      {{"r", true, "s"}, {"x", true, "y"}, {"y", true, "x"}, {"gh", false, ""}, {"z", true, "r"}});
  owner.kind = kind;
  struct Case {
    std::string what;
    std::vector<std::pair<std::string, std::string>> theirs;
    std::vector<std::string> ours;
    bool stands;
  };
  for (const auto& [what, theirs, ours, stands] : {
           Case{"one", {{"x", "t"}}, {"x"}, true},
           Case{"one whose Secret has the name of another receiver", {{"x", "y"}}, {"x"}, true},
           Case{"several in another order", {{"z", "r"}, {"x", "y"}}, {"x", "z"}, true},
           Case{"one more here", {{"x", "y"}}, {"x", "y"}, false},
           Case{"one less here", {{"x", "y"}, {"y", "x"}}, {"x"}, false},
           Case{"another", {{"x", "y"}}, {"y"}, false},
           Case{"none here", {{"x", "y"}}, {}, false},
           Case{"of another type, too", {{"x", "y"}, {"gh", "t"}}, {"x"}, true},
           Case{"of another type alone", {{"gh", "t"}}, {}, true},
       }) {
    INFO(what);
    owner.status = failed_by_kargo(theirs, kind);
    owner.status.webhook_receivers = {{"r", "/bitbucket/1", "https://h/bitbucket/1"}};
    CHECK(next_status(owner, deriving(ours), kNow).has_value() == !stands);
  }
}

TEST_CASE("beside Kargo's failure that stands only what it does not say is written") {
  api::ReceiverOwner owner = owner_of({{"r", true, "s"}, {"x", true, "t"}});
  owner.status = failed_by_kargo({{"x", "t"}});
  owner.status.webhook_receivers = {{"r", "/bitbucket/1", "https://h/bitbucket/1"}};
  const api::OwnerStatus stands = owner.status;
  REQUIRE_FALSE(next_status(owner, deriving({"x"}), kNow).has_value());

  SECTION("an entry") {
    owner.status.webhook_receivers = {{"x", "/bitbucket/2", "https://h/bitbucket/2"}};
    CHECK(next_status(owner, deriving({"x"}), kNow) == stands);
  }
  SECTION("the refresh annotation") {
    owner.refresh = "token-1";
    api::OwnerStatus wanted = stands;
    wanted.last_handled_refresh = "token-1";
    CHECK(next_status(owner, deriving({"x"}), kNow) == wanted);
  }
  SECTION("not if it is about another generation") {
    owner.status.conditions[0].observed_generation = 6;
    const auto next = next_status(owner, deriving({"x"}), kNow);
    REQUIRE(next.has_value());
    CHECK(condition(*next, "Ready")->message ==
          "Failed to sync WebhookReceivers: receiver \"x\": Secret t not found");
    CHECK(condition(*next, "Reconciling") == nullptr);
    CHECK(next->observed_generation == 7);
  }
  SECTION("nor if it has another reason") {
    owner.status.conditions[0].reason = "SyncingWebhooks";
    CHECK(next_status(owner, deriving({"x"}), kNow).has_value());
  }
  SECTION("success, when it comes") {
    DerivedReceivers derived = deriving({});
    derived.published.push_back({"x", "/bitbucket/2", "https://h/bitbucket/2"});
    const auto next = next_status(owner, derived, kNow);
    REQUIRE(next.has_value());
    CHECK(condition(*next, "Ready")->status == "True");
    CHECK(condition(*next, "Reconciling") == nullptr);
    CHECK(next->observed_generation == 7);
    CHECK(next->webhook_receivers.size() == 2);
  }
}

TEST_CASE("a failure of the ClusterConfig begins as Kargo's does, and so does its success") {
  api::ReceiverOwner owner = owner_of({{"x", true, "t"}});
  owner.kind = api::OwnerKind::kClusterConfig;
  DerivedReceivers failing;
  failing.failures = {{"x", "SecretNotFound", "Secret t not found"}};
  CHECK(next_status(owner, failing, kNow)->conditions.at(0).message ==
        "Failed to sync webhook receivers: receiver \"x\": Secret t not found");
  CHECK(next_status(owner, publishing("x", "/bitbucket/1"), kNow)->conditions.at(0).message ==
        "ClusterConfig is synced and ready for use");
  // As an earlier version of this operator wrote it.
  owner.status = *next_status(owner, failing, kNow);
  owner.status.conditions.at(0).message =
      "Failed to sync WebhookReceivers: receiver \"x\": Secret t not found";
  CHECK(next_status(owner, failing, kNow)
            ->conditions.at(0)
            .message.starts_with("Failed to sync webhook receivers: "));
}

TEST_CASE("a hundred failing receivers of long names do not withhold the URL of a good one") {
  std::vector<api::Receiver> receivers{{"r", true, "s"}};
  DerivedReceivers derived = publishing("r", "/bitbucket/1");
  for (int i = 0; i < 100; ++i) {
    const std::string name = std::to_string(i) + std::string(250, 'n');
    receivers.push_back({name, true, name});
    derived.failures.push_back({name, "SecretNotFound", "Secret " + name + " not found"});
  }
  api::ReceiverOwner owner = owner_of(receivers);
  const auto next = next_status(owner, derived, kNow);
  REQUIRE(next.has_value());
  CHECK(next->webhook_receivers.size() == 1);
  CHECK(next->conditions.at(0).message.size() <= 32'768);
  CHECK(next->conditions.at(0).message.ends_with(" more"));
  owner.status = *next;
  CHECK_FALSE(next_status(owner, derived, kNow).has_value());
}

TEST_CASE("receivers of one name are each listed, never one of them twice") {
  using Paths = std::vector<std::string>;
  const auto paths = [](const api::ReceiverOwner& owner, const DerivedReceivers& derived) {
    Paths listed;
    const auto next = next_status(owner, derived, kNow);
    REQUIRE(next.has_value());
    for (const auto& entry : next->webhook_receivers) listed.push_back(entry.path);
    return listed;
  };
  DerivedReceivers both = publishing("r", "/bitbucket/1");
  both.published.push_back({"r", "/bitbucket/2", "https://h/bitbucket/2"});
  api::ReceiverOwner owner = owner_of({{"r", true, "s"}, {"r", true, "t"}});
  CHECK(paths(owner, both) == Paths{"/bitbucket/1", "/bitbucket/2"});

  DerivedReceivers one = publishing("r", "/bitbucket/2");
  one.failures = {{"r", "SecretNotFound", "Secret s not found"}};
  CHECK(paths(owner, one) == Paths{"/bitbucket/2"});

  owner = owner_of({{"r", false, ""}, {"r", true, "s"}, {"r", false, ""}});
  owner.status.webhook_receivers = {
      {"r", "/bitbucket/9", ""}, {"r", "/base/bitbucket/github/1", ""}, {"r", "/github/2", ""}};
  CHECK(paths(owner, publishing("r", "/bitbucket/1")) ==
        Paths{"/base/bitbucket/github/1", "/bitbucket/1", "/github/2"});
}

TEST_CASE("what we wrote is taken back when an object has only receivers of other types left") {
  api::ReceiverOwner owner = owner_of({{"gl", false, ""}, {"gh", false, ""}});
  owner.refresh = "token-1";
  owner.status.observed_generation = 6;
  owner.status.webhook_receivers = {{"gone", "/base/bitbucket/0", "https://h/base/bitbucket/0"},
                                    {"gh", "/github/1", "https://h/github/1"},
                                    {"left", "/github/2", "https://h/github/2"}};
  owner.status.conditions = {{"Reconciling", "True", "x", "", kNowText, 1},
                             {"Ready", "True", "Synced", "", kNowText, 1}};
  api::OwnerStatus wanted = owner.status;
  wanted.webhook_receivers.erase(wanted.webhook_receivers.begin());
  CHECK(next_status(owner, {}, kNow) == wanted);

  owner.status = wanted;
  CHECK_FALSE(next_status(owner, {}, kNow).has_value());

  SECTION("our failure") {
    owner.status.conditions[1] = {
        "Ready",
        "False",
        "SyncWebhookReceiversFailed",
        "Failed to sync WebhookReceivers: receiver \"gone\": Secret gh not found",
        kNowText,
        1};
    const auto next = next_status(owner, {}, kNow);
    REQUIRE(next.has_value());
    CHECK(condition(*next, "Ready")->status == "True");
    CHECK(condition(*next, "Reconciling") != nullptr);
  }
  SECTION("our part of a failure") {
    owner.status.conditions[1] = {
        "Ready",  "False", "X", "gh: no Secret | bitbucket: receiver \"gone\": Secret s not found",
        kNowText, 1};
    const auto next = next_status(owner, {}, kNow);
    REQUIRE(next.has_value());
    CHECK(condition(*next, "Ready")->status == "False");
    CHECK(condition(*next, "Ready")->message == "gh: no Secret");
  }
  SECTION("a failure of its owner stays") {
    for (const char* message : {"Failed to sync WebhookReceivers: gh: no Secret",
                                "Failed to sync WebhookReceivers: timed out"}) {
      owner.status.conditions[1] = {"Ready", "False", "X", message, kNowText, 1};
      CHECK_FALSE(next_status(owner, {}, kNow).has_value());
    }
  }
}

TEST_CASE("what is not ours to write is not written") {
  api::ReceiverOwner deleting = owner_of({{"r", true, "s"}});
  deleting.meta.deleting = true;
  CHECK_FALSE(next_status(deleting, publishing("r", "/bitbucket/1"), kNow).has_value());

  DerivedReceivers unread;
  unread.unread = true;
  CHECK_FALSE(next_status(owner_of({{"r", true, "s"}}), unread, kNow).has_value());

  CHECK_FALSE(next_status(owner_of({{"gh", false, ""}}), {}, kNow).has_value());
}

TEST_CASE("without receivers the list is cleared") {
  api::ReceiverOwner owner = owner_of({});
  owner.status.webhook_receivers = {{"r", "/bitbucket/1", "https://h/bitbucket/1"}};
  const auto next = next_status(owner, {}, kNow);
  REQUIRE(next.has_value());
  CHECK(next->webhook_receivers.empty());
  CHECK(next->conditions[0].status == "True");
}

}  // namespace receiver::controllers
