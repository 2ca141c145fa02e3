#include "controllers/failure_message.h"

#include <catch2/catch.hpp>
#include <rapidjson/encodings.h>
#include <rapidjson/stream.h>

namespace receiver::controllers {
namespace {

constexpr auto kProject = api::OwnerKind::kProjectConfig;
constexpr auto kCluster = api::OwnerKind::kClusterConfig;

std::vector<ReceiverFailure> failures_of(const std::vector<std::string>& receivers,
                                         const std::string& why = "Secret s not found") {
  std::vector<ReceiverFailure> failures;
  for (const std::string& name : receivers) failures.push_back({name, "SecretNotFound", why});
  return failures;
}

bool is_utf8(const std::string& text) {
  rapidjson::StringStream bytes(text.c_str());
  unsigned character = 0;
  while (bytes.Tell() < text.size()) {
    if (!rapidjson::UTF8<>::Decode(bytes, &character)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("a failure begins as Kargo's does for that kind, and names every receiver and why") {
  CHECK(
      compose_failure(kProject, {}, {{"x", "", "Secret t not found"}, {"y", "", "empty"}}) ==
      R"(Failed to sync WebhookReceivers: receiver "x": Secret t not found; receiver "y": empty)");
  CHECK(compose_failure(kCluster, {}, {{"x", "", "empty"}}) ==
        R"(Failed to sync webhook receivers: receiver "x": empty)");
  CHECK(compose_failure(kProject, "gh: no Secret", {{"x", "", "empty"}}) ==
        R"(gh: no Secret | bitbucket: receiver "x": empty)");
  CHECK(compose_failure(kProject, "gh: no Secret", {}) == "gh: no Secret");
}

TEST_CASE("what is composed is parsed to what it was composed of") {
  const std::vector<std::vector<std::string>> lists = {
      {"x"},
      {"x", "y", "x"},
      {"it's \"quoted\"", R"(back\slash)", R"(a": b; receiver "c)", "ü", " | bitbucket "},
  };
  for (const auto& receivers : lists) {
    for (const std::string& others :
         {std::string(), std::string("gh: no Secret"),
          std::string(R"(Failed to sync WebhookReceivers: receiver "gh": no Secret)")}) {
      for (const auto kind : {kProject, kCluster}) {
        const std::string message = compose_failure(kind, others, failures_of(receivers));
        INFO(message);
        const FailureMessage parsed = parse_failure(message);
        CHECK(parsed.others == others);
        CHECK(parsed.receivers == receivers);
        for (const std::string& name : receivers) CHECK(names_receiver(message, name));
        CHECK(compose_failure(kind, parsed.others, failures_of(parsed.receivers)) == message);
      }
    }
  }
}

TEST_CASE("a message of no form of ours is another writer's, whole") {
  for (const std::string message :
       {R"(Failed to sync WebhookReceivers: error syncing WebhookReceiver "x": error)",
        "Failed to sync WebhookReceivers: timed out", "Syncing WebhookReceivers",
        R"(receiver "x": without the beginning)", "Failed to sync WebhookReceivers: ", "x"}) {
    INFO(message);
    CHECK(parse_failure(message).others == message);
    CHECK(parse_failure(message).receivers.empty());
  }
  CHECK(parse_failure("").others.empty());
}

TEST_CASE("a message is never longer than the CRD allows, and says how many more there are") {
  for (const std::size_t length : {1U, 100U, 253U, 700U, 40'000U}) {
    for (const std::size_t count : {1U, 31U, 32U, 100U, 10'000U}) {
      std::vector<std::string> receivers;
      for (std::size_t i = 0; i < count; ++i) {
        receivers.push_back(std::to_string(i) + "-" + std::string(length % 1000, 'n'));
      }
      std::string why = "Secret ";
      while (why.size() < length) why += "ü";
      const std::string message = compose_failure(kProject, {}, failures_of(receivers, why));
      INFO(length << " bytes of why, " << count << " receivers, " << message.size() << " bytes");
      CHECK(message.size() <= kMaxMessageBytes);
      CHECK(is_utf8(message));
      const std::size_t named = parse_failure(message).receivers.size();
      CHECK(named >= std::min<std::size_t>(count, 30));
      if (named < count) {
        CHECK(message.ends_with("; … and " + std::to_string(count - named) + " more"));
      } else {
        CHECK(message.find("… and") == std::string::npos);
      }
    }
  }
}

TEST_CASE("another writer's message is kept whole, and ours is left out where there is no room") {
  for (const std::size_t size : {kMaxMessageBytes, kMaxMessageBytes - 20, kMaxMessageBytes - 60,
                                 kMaxMessageBytes - 100, kMaxMessageBytes - 2'000}) {
    const std::string others(size, 'o');
    const std::string message = compose_failure(kProject, others, failures_of({"x", "y", "z"}));
    INFO(size << " bytes, then " << message.substr(size));
    CHECK(message.size() <= kMaxMessageBytes);
    CHECK(message.starts_with(others));
    const std::string rest = message.substr(size);
    CHECK((rest.empty() || rest.starts_with(" | bitbucket: receiver \"x\": Secret s not found")));
  }
}

TEST_CASE("Kargo's words and others' name receivers") {
  struct Case {
    std::string message, receiver;
    bool named;
  };
  const std::string kargo =
      R"(Failed to sync WebhookReceivers: [error syncing WebhookReceiver "late": error getting )"
      R"(Secret "bb" in namespace "demo": secrets "bb" not found, error syncing WebhookReceiver )"
      R"("a\"b": missing data key "secret" for Bitbucket WebhookReceiver])";
  for (const auto& [message, receiver, named] : {
           Case{kargo, "late", true},
           Case{kargo, "a\"b", true},
           Case{kargo, "bb", false},  // a Secret's name
           Case{kargo, "demo", false},
           Case{kargo, "secret", false},
           Case{kargo, "ate", false},
           Case{"error reconciling bb: secrets: not found", "bb", true},
           Case{"error reconciling bb-2: secrets: not found", "bb", false},
           Case{"error reconciling abb: secrets: not found", "bb", false},
           Case{"Cannot publish gh.", "gh", true},
           Case{"timed out", "gh", false},
       }) {
    INFO(receiver << " in " << message);
    CHECK(names_receiver(message, receiver) == named);
  }
}

}  // namespace receiver::controllers
