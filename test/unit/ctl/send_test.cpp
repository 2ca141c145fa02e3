#include "cmd/receiverctl/send.h"

#include <catch2/catch.hpp>

namespace receiver::ctl {
namespace {

using controllers::TargetKind;

Refreshed object(TargetKind kind, const std::string& name, bool changed) {
  Refreshed made;
  made.object.kind = kind;
  made.object.key = {"p", name};
  made.changed = changed;
  if (changed) made.token = "2026-03-14T11:20:01Z";
  return made;
}
const Refreshed kRefreshed = object(TargetKind::kWarehouse, "done", true);
const Refreshed kNot = object(TargetKind::kPromotion, "not", false);

Sent sent(unsigned status, std::optional<std::vector<Refreshed>> objects) {
  return {.event = "repo:push",
          .id = "the-id",
          .origin = "https://h",
          .status = status,
          .answer = "{}",
          .took = std::chrono::milliseconds(7),
          .objects = std::move(objects)};
}

}  // namespace

TEST_CASE("a delivery is well if it was answered 2xx and everything was refreshed") {
  CHECK(sent(200, std::nullopt).well());
  CHECK(sent(200, {{kRefreshed}}).well());
  CHECK(sent(202, {{kRefreshed}}).well());
  CHECK_FALSE(sent(200, {{kRefreshed, kNot}}).well());
  CHECK_FALSE(sent(200, std::vector<Refreshed>()).well());
  CHECK_FALSE(sent(503, {{kRefreshed}}).well());
  CHECK_FALSE(sent(301, std::nullopt).well());
}

TEST_CASE("every answer that is not well comes with advice") {
  CHECK(advice_on(sent(200, {{kRefreshed}})).empty());
  CHECK(advice_on(sent(200, std::nullopt)).empty());
  for (const unsigned status : {301U, 401U, 404U, 503U}) {
    INFO(status);
    CHECK_FALSE(advice_on(sent(status, std::nullopt)).empty());
  }
  CHECK_FALSE(advice_on(sent(200, std::vector<Refreshed>())).empty());
  CHECK_FALSE(advice_on(sent(200, {{kNot}})).empty());
}

TEST_CASE("what came of a delivery is told to people and to programs") {
  CHECK(sent_text(sent(200, {{kRefreshed, kNot}}), false) ==
        "Event      repo:push\n"
        "Delivery   the-id\n"
        "Sent to    https://h\n"
        "Answer     200 {}\n"
        "Time       7 ms\n"
        "\n"
        "REFRESHED   OBJECT             ANNOTATION\n"
        "yes         Warehouse p/done   2026-03-14T11:20:01Z\n"
        "no          Promotion p/not\n"
        "\n"
        "Not all were refreshed: the operator's log names this delivery and says why.\n");
  CHECK(
      sent_json(sent(200, std::nullopt)) ==
      "{\n  \"event\": \"repo:push\",\n  \"delivery\": \"the-id\",\n  \"origin\": \"https://h\",\n"
      "  \"status\": 200,\n  \"answer\": \"{}\",\n  \"milliseconds\": 7\n}\n");
}

}  // namespace receiver::ctl
