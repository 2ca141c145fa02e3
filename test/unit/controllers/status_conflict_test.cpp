#include "controllers/status_conflict.h"

#include <catch2/catch.hpp>

namespace receiver::controllers {
namespace {

const StatusConflict::Time kFirstWrite{std::chrono::hours(1)};
const BaseUrl kBase{"https://hooks.example.com", "/ours"};
const std::string kHex(64, 'a'), kOtherHex(64, 'b');

api::OwnerStatus status_of(std::vector<std::pair<std::string, std::string>> receivers,
                           std::vector<api::Condition> conditions = {}) {
  api::OwnerStatus status;
  for (auto& [name, url] : receivers) {
    const std::size_t path = url.find('/', url.find("://") + 3);
    status.webhook_receivers.push_back({name, url.substr(path), url});
  }
  status.conditions = std::move(conditions);
  return status;
}

api::OwnerStatus ours() {
  return status_of({{"bb", "https://hooks.example.com/ours/bitbucket/" + kHex}},
                   {{"Ready", "True", "Synced", "fine", "", 7}});
}

}  // namespace

TEST_CASE("a value that is undone three times in a row, however slowly, is written no more") {
  StatusConflict conflict;
  for (int write = 0; write < 3; ++write) {
    CHECK(conflict.may_write("a"));
    conflict.written(kFirstWrite);
    conflict.agreed(kFirstWrite);  // until the other writer overwrites it
  }
  for (int round = 0; round < 288; ++round) CHECK_FALSE(conflict.may_write("a"));

  SECTION("until the value changes") {
    CHECK(conflict.may_write("b"));
    conflict.written(kFirstWrite);
    CHECK(conflict.may_write("b"));
  }
  SECTION("until the other writer agrees") {
    conflict.agreed(kFirstWrite);
    CHECK(conflict.may_write("a"));
    conflict.written(kFirstWrite);
    conflict.agreed(kFirstWrite);
    CHECK(conflict.may_write("a"));
  }
}

TEST_CASE("a value that has stood for longer than any round of the other writer is not undone") {
  StatusConflict conflict;
  StatusConflict::Time now = kFirstWrite;
  for (int episode = 0; episode < 10; ++episode) {
    CHECK(conflict.may_write("a"));
    conflict.written(now);
    conflict.agreed(now += std::chrono::minutes(21));
  }
}

TEST_CASE("a value that stands until the other writer's longest round is undone all the same") {
  StatusConflict conflict;
  StatusConflict::Time now = kFirstWrite;
  for (int write = 0; write < 3; ++write) {
    CHECK(conflict.may_write("a"));
    conflict.written(now);
    conflict.agreed(now += std::chrono::seconds(1'000));
  }
  CHECK_FALSE(conflict.may_write("a"));
}

TEST_CASE("a write that failed is none") {
  StatusConflict conflict;
  for (int attempt = 0; attempt < 10; ++attempt) CHECK(conflict.may_write("a"));
}

TEST_CASE("what another writer's status differs in is said without any path") {
  struct Case {
    std::string what;
    api::OwnerStatus theirs;
    std::string difference;
  };
  api::OwnerStatus failing = ours();
  failing.conditions[0] = {"Ready", "False", "SyncWebhookReceiversFailed", "no", "", 7};
  api::OwnerStatus other_words = ours();
  other_words.conditions[0].message = "other words";
  api::OwnerStatus stale = ours();
  stale.conditions[0].observed_generation = 6;
  api::OwnerStatus reconciling = ours();
  reconciling.conditions.push_back({"Reconciling", "True", "SyncingWebhooks", "", "", 7});
  api::OwnerStatus without_condition = ours();
  without_condition.conditions.clear();
  api::OwnerStatus generation = ours();
  generation.observed_generation = 6;
  const std::vector<Case> cases = {
      {"host", status_of({{"bb", "https://kargo.example.com/webhooks/bitbucket/" + kOtherHex}}),
       "the other writer's base URL is https://kargo.example.com, this operator's is "
       "https://hooks.example.com; configure both with the same one, its path included"},
      {"scheme", status_of({{"bb", "http://hooks.example.com/ours/bitbucket/" + kHex}}),
       "the other writer's base URL is http://hooks.example.com, this operator's is "
       "https://hooks.example.com; configure both with the same one, its path included"},
      {"user info", status_of({{"bb", "https://user:word@h.example.com/bitbucket/" + kHex}}),
       "the other writer's base URL is https://h.example.com, this operator's is "
       "https://hooks.example.com; configure both with the same one, its path included"},
      {"base path", status_of({{"bb", "https://hooks.example.com/theirs/bitbucket/" + kHex}}),
       "both base URLs begin with https://hooks.example.com and differ in their path; "
       "configure both with the same one, its path included"},
      {"hash", status_of({{"bb", "https://hooks.example.com/ours/bitbucket/" + kOtherHex}}),
       "the entry of receiver \"bb\" has another path: perhaps the other writer reads another "
       "Secret"},
      {"missing entry", status_of({}), "the other writer does not publish receiver \"bb\""},
      {"another entry",
       status_of({{"bb", "https://hooks.example.com/ours/bitbucket/" + kHex},
                  {"bb2", "https://hooks.example.com/ours/bitbucket/" + kOtherHex}}),
       "the other writer publishes receiver \"bb2\", which this operator does not"},
      {"condition", failing,
       "the condition Ready is False (SyncWebhookReceiversFailed) in the other writer's status, "
       "True (Synced) in this operator's"},
      {"absent condition", without_condition,
       "the condition Ready is absent in the other writer's status, True (Synced) in this "
       "operator's"},
      {"another condition", reconciling,
       "the condition Reconciling is True (SyncingWebhooks) in the other writer's status, absent "
       "in this operator's"},
      {"message", other_words, "the condition Ready has another message"},
      {"generation of a condition", stale, "the condition Ready has another observedGeneration"},
      {"generation", generation, "observedGeneration or lastHandledRefresh differs"},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    CHECK(status_difference(c.theirs, ours(), kBase) == c.difference);
  }
}

}  // namespace receiver::controllers
