#include "cmd/receiverctl/receivers.h"

#include <utility>

#include <catch2/catch.hpp>

#include "test/support/receiverctl_schema.h"
#include "test/support/stores.h"

namespace receiver::ctl {
namespace {

using Known = controllers::SecretState::Known;

const std::string kGoodSecret = "a-secret-of-sufficient-length";

controllers::SecretState present(const std::string& value) {
  api::Secret secret;
  secret.value = crypto::SecretString(std::string(value));
  return {Known::kPresent, "", secret};
}

/// A ProjectConfig `apples` with the receiver `bb`, published as of that secret; empty: not at all.
api::ReceiverOwner owner(const std::string& published_of) {
  api::ReceiverOwner made;
  made.meta.key = {"apples", "apples"};
  made.receivers = {{"bb", true, "bb-secret"}, {"gh", false, ""}};
  if (!published_of.empty()) {
    const std::string path =
        controllers::receiver_path({"", "/kargo"}, "apples", "bb", published_of);
    made.status.webhook_receivers = {{"bb", path, "https://h" + path}};
  }
  return made;
}

ReceiverState state_of(const api::ReceiverOwner& of, const controllers::SecretState& secret) {
  const auto states = receivers_of(of, [&](std::string_view) { return secret; });
  REQUIRE(states.size() == 1);
  CHECK(states[0].name == "bb");
  CHECK(states[0].str() == "apples/bb");
  return states[0];
}

}  // namespace

TEST_CASE("a receiver is ready when its published URL is that of its Secret") {
  const ReceiverState state = state_of(owner(kGoodSecret), present(kGoodSecret));
  CHECK(state.ready);
  CHECK(state.why.empty());
  CHECK(state.advice.empty());
}

TEST_CASE("a receiver that is not ready says why") {
  using Catch::Contains;
  CHECK_THAT(state_of(owner(kGoodSecret), {Known::kMissing, "", {}}).why,
             Contains("bb-secret not found"));
  CHECK_THAT(state_of(owner(kGoodSecret), present("")).why, Contains("is empty"));
  CHECK_THAT(state_of(owner(""), present(kGoodSecret)).why, Contains("is the operator running?"));
  CHECK_THAT(state_of(owner(kGoodSecret), present(kGoodSecret + "2")).why,
             Contains("does not match the Secret"));
  api::ReceiverOwner told = owner("");
  told.status.conditions = {{"Ready", "False", "x", "Secret bb-secret not found", "", 0}};
  CHECK(state_of(told, {Known::kRefused, "forbidden", {}}).why == "Secret bb-secret not found");
  // Of several that failed, each has its own reason.
  const auto why = [&](const std::string& message) {
    told.status.conditions[0].message = message;
    return state_of(told, {Known::kRefused, "forbidden", {}}).why;
  };
  const std::string all = "receiver \"b\": one; receiver \"bb\": two: three; receiver \"c\": four";
  CHECK(why("Failed to sync WebhookReceivers: " + all) == "two: three");
  CHECK(why("words of Kargo | bitbucket: " + all) == "two: three");
  CHECK(why("words of Kargo | bitbucket: receiver \"bb\": two") == "two");
  const std::string others = "Failed to sync WebhookReceivers: receiver \"b\": one";
  CHECK(why(others) == others);
}

TEST_CASE("a Secret that may not be read leaves the status's word") {
  const ReceiverState state = state_of(owner(kGoodSecret), {Known::kRefused, "forbidden", {}});
  CHECK(state.ready);
  CHECK(state.advice == std::vector<std::string>{"its Secret cannot be read with this kubeconfig"});
}

TEST_CASE("a receiver that works can have advice") {
  const std::string weak = kGoodSecret + "\n";
  const ReceiverState state = state_of(owner(weak), present(weak));
  CHECK(state.ready);
  REQUIRE(state.advice.size() == 1);
  CHECK_THAT(state.advice[0], Catch::Contains("newline") && !Catch::Contains(kGoodSecret));
  CHECK_THAT(receivers_table({state}, {}), Catch::EndsWith(state.advice[0] + "\n"));
}

TEST_CASE("URLs are shown only on request") {
  const std::vector<ReceiverState> states{state_of(owner(kGoodSecret), present(kGoodSecret))};
  CHECK(receivers_table(states, {}) ==
        "PROJECT   NAME   READY   WAREHOUSES   PROMOTIONS   MESSAGE\n"
        "apples    bb     True    0            0\n");
  CHECK_THAT(receivers_table(states, {.urls = true}), Catch::Contains(states[0].url));
  CHECK_THAT(receivers_document(states, false, Format::kJson), !Catch::Contains("https://"));
  CHECK_THAT(receivers_document(states, true, Format::kJson), Catch::Contains(states[0].url));
  CHECK(test::schema_problem(receivers_document(states, true, Format::kJson)) == "");
}

TEST_CASE("webhooks are counted where they were asked for") {
  const std::vector<ReceiverState> states{
      {.name = "all", .ready = true, .webhooks = Registrations{.wanted = 2, .registered = 2}},
      {.name = "some",
       .ready = true,
       .advice = {"rotate it"},
       .webhooks =
           Registrations{
               .wanted = 3, .registered = 1, .failures = {"acme/web: no token", "acme/app: none"}}},
      {.name = "none", .ready = false, .why = "because"}};
  CHECK(receivers_table(states, {}) ==
        "PROJECT   NAME   READY   WAREHOUSES   PROMOTIONS   WEBHOOKS   MESSAGE\n"
        "(all)     all    True    0            0            2/2\n"
        "(all)     some   True    0            0            1/3        acme/web: no token (and 1 "
        "more); rotate it\n"
        "(all)     none   False   0            0                       because\n");
  const std::string json = receivers_document(states, false, Format::kJson);
  CHECK_THAT(json, Catch::Contains("\"wanted\": 3") &&
                       Catch::Contains("\"failures\": [\n          \"acme/web: no token\","));
  CHECK(test::schema_problem(json) == "");
  CHECK(receivers_document(states, false, Format::kName) ==
        "clusterconfig/cluster/all\nclusterconfig/cluster/some\nclusterconfig/cluster/none\n");
}

TEST_CASE("a receiver of the ClusterConfig is told apart") {
  const std::vector<ReceiverState> states{{.name = "bb", .ready = false, .why = "because"}};
  CHECK(states[0].str() == "bb");
  CHECK(receivers_table(states, {}) ==
        "PROJECT   NAME   READY   WAREHOUSES   PROMOTIONS   MESSAGE\n"
        "(all)     bb     False   0            0            because\n");
}

TEST_CASE("a wide table names the Secrets, too") {
  const std::vector<ReceiverState> states{
      {.name = "bb", .secret_name = "bb-secret", .ready = true, .warehouses = 3}};
  CHECK(receivers_table(states, {.wide = true}) ==
        "PROJECT   NAME   READY   WAREHOUSES   PROMOTIONS   SECRET      MESSAGE\n"
        "(all)     bb     True    3            0            bb-secret\n");
}

TEST_CASE("of Warehouses those count that may subscribe to a repository of a Bitbucket") {
  test::Stores stores;
  const auto subscribe = [&](const std::string& ns, const std::string& url) {
    stores.warehouse({ns, url}, {"\"repoURL\":\"" + url + '"'});
  };
  for (const char* url :
       {"https://bitbucket.org/acme/shop", "git@bitbucket.org:acme/shop.git",
        "https://git.example.com/scm/shop/app.git", "ssh://git@git.example.com:7999/shop/app.git",
        "ssh://git@git.example.com/shop/app.git"}) {
    subscribe("apples", url);
  }
  for (const char* url : {"https://github.com/acme/shop", "git@github.com:acme/shop.git",
                          "git@gitlab.com:acme/shop.git", "https://example.com/shop.git"}) {
    subscribe("apples", url);
  }
  subscribe("pears", "https://bitbucket.org/acme/web");
  stores.promotion({"pears", "waits"}, "https://bitbucket.org/acme/web/pull-requests/7");
  const Reach reach(stores.warehouses, stores.promotions);
  const auto counted = [&](const std::string& project) {
    ReceiverState state{.project = project};
    reach.count(state);
    return std::pair(state.warehouses, state.promotions);
  };
  CHECK(counted("apples") == std::pair<std::size_t, std::size_t>(5, 0));
  CHECK(counted("pears") == std::pair<std::size_t, std::size_t>(1, 1));
  CHECK(counted("plums") == std::pair<std::size_t, std::size_t>(0, 0));
  CHECK(counted("") == std::pair<std::size_t, std::size_t>(6, 1));
}

}  // namespace receiver::ctl
