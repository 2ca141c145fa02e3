#include "cmd/receiverctl/send.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "json/json.h"
#include "test/support/receiverctl_schema.h"
#include "test/support/scripted_server.h"
#include "test/unit/cmd/receiverctl/terminal.h"

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

TEST_CASE("somebody else's answer is shown without URL and secret, in bounds, as JSON too") {
  constexpr const char* kEchoedSecret = "a-secret-of-sufficient-length";
  const test::ScriptedServer server([&](test::Peer& peer) {
    const std::string path = peer.request().value_or("").substr(5, 75);  // behind "POST "
    const std::string page =
        fmt::format("No page {} for {} \x80 é\r\n{:->100000}", path, kEchoedSecret, "");
    peer.send(fmt::format("HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\n\r\n", page.size()));
    peer.send(page);
  });
  const std::string url =
      fmt::format("http://127.0.0.1:{}/bitbucket/{}", server.port(), std::string(64, 'a'));
  for (const char* format : {"table", "json"}) {
    INFO(format);
    Terminal terminal(kEchoedSecret);
    CHECK(terminal.run({"receiverctl", "send", "--url", url.c_str(), "--secret-file", "-",
                        "--event", "diagnostics:ping", "-o", format}) == 1);
    CHECK(terminal.err.str().empty());
    const std::string out = terminal.out.str();
    CHECK_THAT(out, Catch::Contains("No page /bitbucket/aaaaaaaa… for … � é\\") &&
                        !Catch::Contains(kEchoedSecret) && !Catch::Contains("aaaaaaaaa"));
    CHECK(out.size() < 2000);
    if (std::string_view(format) == "json") CHECK(json::parse(out));
  }
}

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
  const std::string json = sent_document(sent(200, {{kRefreshed, kNot}}), Format::kJson);
  CHECK(test::schema_problem(json) == "");
  CHECK_THAT(json,
             Catch::Contains("\"milliseconds\": 7") && Catch::Contains("\"refreshed\": true"));
  CHECK_THAT(sent_document(sent(200, std::nullopt), Format::kJson), !Catch::Contains("objects"));
}

}  // namespace receiver::ctl
