#include "cmd/receiverctl/delivery_log.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "log/logger.h"

namespace receiver::ctl {
namespace {

using Lines = std::vector<std::string>;

Lines cut_into(const Lines& pieces) {
  Lines found;
  LineCutter cutter([&](std::string_view line) { found.emplace_back(line); });
  for (const std::string& piece : pieces) cutter.feed(piece);
  cutter.end();
  return found;
}

/// The operator's lines, written by its own logger as in webhook/delivery.cpp.
std::string logged(log::Format format, log::Level level, std::string_view message,
                   log::Fields fields) {
  std::string written;
  log::Logger::to_callback(log::Level::kTrace, format,
                           [&](std::string_view line) { written = line; })
      .named("webhook")
      .write(level, message, fields);
  return written;
}

std::string accepted(log::Format format, std::string_view outcome, int applied, int queued,
                     int refused, int spared,
                     std::string_view url = "https://bitbucket.org/acme/shop") {
  return logged(format, log::Level::kInfo, "delivery",
                {{"delivery", "id-1"},
                 {"traceparent", ""},
                 {"event", "repo:push"},
                 {"source", "cloud"},
                 {"project", "p"},
                 {"receiver", "bb"},
                 {"url", url},
                 {"outcome", outcome},
                 {"applied", applied},
                 {"queued", queued},
                 {"refused", refused},
                 {"spared", spared},
                 {"duration_ms", 12}});
}

}  // namespace

TEST_CASE("a stream is cut into lines, however it arrives") {
  CHECK(cut_into({}).empty());
  CHECK(cut_into({"one\ntwo\n"}) == Lines{"one", "two"});
  CHECK(cut_into({"o", "n", "e\nt", "wo"}) == Lines{"one", "two"});
  CHECK(cut_into({"\n\nx"}) == Lines{"", "", "x"});
  const std::string most(kMaxLogLineBytes, 'x');
  CHECK(cut_into({most + "\nshort\n"}) == Lines{most, "short"});
  CHECK(cut_into({most, "x\nshort\n"}) == Lines{"short"});
  CHECK(cut_into({most, "x"}).empty());
}

TEST_CASE(
    "a delivery is read from a line of either format, as the operator's own logger writes it") {
  for (const log::Format format : {log::Format::kJson, log::Format::kConsole}) {
    const std::string line = accepted(format, "ok", 2, 0, 0, 1);
    INFO(line);
    const auto delivery = read_log_line(line);
    REQUIRE(delivery);
    CHECK(clock::parse_rfc3339(delivery->time));
    CHECK(time_of_log_line(line) == clock::parse_rfc3339(delivery->time));
    CHECK(delivery->id == "id-1");
    CHECK(delivery->event == "repo:push");
    CHECK(delivery->project == "p");
    CHECK(delivery->receiver == "bb");
    CHECK(delivery->url == "https://bitbucket.org/acme/shop");
    CHECK(delivery->outcome == "ok");
    CHECK(delivery->applied == 2);
    CHECK(delivery->spared == 1);
    CHECK(delivery->milliseconds == 12);
    CHECK(result_of(*delivery) == "2 refreshed in 12 ms, 1 spared: none of their files changed");
  }
}

TEST_CASE("a delivery whose sender has not proved the secret is reported in the log's words") {
  constexpr const char* kWords =
      "answered 401: the signature is not of this receiver's secret; the webhook in Bitbucket must "
      "have the same";
  for (const log::Format format : {log::Format::kJson, log::Format::kConsole}) {
    for (const std::string outcome : {"bad_signature", "overloaded", ""}) {
      const auto delivery = read_log_line(logged(format, log::Level::kWarn, kWords,
                                                 {{"delivery", ""},
                                                  {"event", R"(a "b" \c d=e)"},
                                                  {"project", "*,p"},
                                                  {"receiver", "x,bb"},
                                                  {"outcome", outcome},
                                                  {"suppressed", 7}}));
      REQUIRE(delivery);
      CHECK(delivery->id.empty());
      CHECK(delivery->event == R"(a "b" \c d=e)");
      CHECK(delivery->project == "*,p");
      CHECK(delivery->outcome == (outcome.empty() ? "refused" : outcome));
      CHECK(result_of(*delivery) == std::string(kWords) + " (and 7 like it before)");
    }
  }
}

TEST_CASE("a ping is recognised, also in the log of a release that named no outcome") {
  const auto check_ping = [](const std::string& line) {
    const auto ping = read_log_line(line);
    REQUIRE(ping);
    CHECK(ping->outcome == "ping");
    CHECK(result_of(*ping) == "a test of the connection");
  };
  for (const log::Format format : {log::Format::kJson, log::Format::kConsole}) {
    check_ping(logged(format, log::Level::kInfo, "ping",
                      {{"delivery", "i"}, {"receiver", "bb"}, {"outcome", "ping"}}));
    check_ping(logged(format, log::Level::kInfo, "ping", {{"delivery", "i"}, {"receiver", "bb"}}));
  }
}

TEST_CASE("what became of a delivery, and why, is told in words") {
  struct Row {
    const char* outcome;
    int applied, queued, refused, spared;
    const char* told;
  };
  for (const Row& row : std::vector<Row>{
           {"ok", 1, 0, 0, 0, "1 refreshed in 12 ms"},
           {"ok", 0, 0, 0, 0,
            "nothing refreshed: no object subscribes to this; see `receiverctl explain`"},
           {"ok", 0, 0, 0, 3,
            "nothing refreshed: it changed no file that any of 3 Warehouse(s) selects"},
           {"queued", 1, 2, 0, 0,
            "1 refreshed in 12 ms; 2 queued: the API server was slow, they are refreshed later"},
           {"failed", 0, 0, 1, 0,
            "0 refreshed in 12 ms; 1 rejected by the API server: the log names them in lines "
            "`refresh rejected`"},
           {"overloaded", 0, 0, 0, 0,
            "not accepted: the operator is at one of its limits; Bitbucket Cloud sends it again"},
           {"not_ready", 0, 0, 0, 0,
            "not accepted: the operator has not read all objects yet; Bitbucket Cloud sends it "
            "again"},
           {"ignored_event", 0, 0, 0, 0, "the operator ignores this event"},
           {"bad_body", 0, 0, 0, 0, "signed, but the payload cannot be read"}}) {
    INFO(row.outcome);
    const auto delivery = read_log_line(accepted(log::Format::kJson, row.outcome, row.applied,
                                                 row.queued, row.refused, row.spared));
    REQUIRE(delivery);
    CHECK(result_of(*delivery) == row.told);
  }
  CHECK(result_of(*read_log_line(accepted(log::Format::kConsole, "ok", 0, 0, 0, 0, ""))) ==
        "nothing refreshed: the payload names no repository");
}

TEST_CASE("other lines, and lines that are none, are passed over") {
  for (
      const char* line :
      {"", "delivery", " delivery=", "x delivery=a receiver=b", "{\"delivery\":", "[1,2]",
       R"({"time":"2026-11-30T00:00:00.000Z","msg":"unknown path","delivery":"x"})",
       R"({"time":7,"delivery":"x","receiver":"y"})",
       R"({"time":"yesterday","delivery":"x","receiver":"y"})",
       R"(2026-11-30T00:00:00.000Z WARN  webhook: a signed delivery cannot be read delivery=x event=y)",
       R"(2026-11-30T00:00:00.000Z INFO  refresher: refreshed object=p/w)", "panic: delivery=\"",
       "2026-11-30T00:00:00.000Z INFO x: delivery delivery=\"unended receiver=b"}) {
    INFO(line);
    CHECK_FALSE(read_log_line(line));
  }
}

TEST_CASE("deliveries are found by project, receiver and id") {
  struct Row {
    DeliveryFilter filter;
    bool wanted;
  };
  LoggedDelivery delivery;
  delivery.id = "i";
  delivery.project = "p,*,q";
  delivery.receiver = "bb,all,cc";
  for (const Row& row : std::vector<Row>{{{"", "", ""}, true},
                                         {{"p", "", ""}, true},
                                         {{"*", "", ""}, true},
                                         {{"*", "all", ""}, true},
                                         {{"p", "bb", "i"}, true},
                                         {{"", "cc", ""}, true},
                                         {{"p", "cc", ""}, false},
                                         {{"", "", "j"}, false},
                                         {{"p", "bb", "j"}, false},
                                         {{"bb", "", ""}, false},
                                         {{"p,*", "", ""}, false}}) {
    CAPTURE(row.filter.project, row.filter.receiver, row.filter.id);
    CHECK(is_wanted(delivery, row.filter) == row.wanted);
  }
}

TEST_CASE("of many deliveries the newest are kept, by time") {
  NewestDeliveries newest(3);
  for (const int second : {5, 1, 9, 3, 7, 2, 8, 0, 6, 4}) {
    LoggedDelivery delivery;
    delivery.time = "2026-11-30T00:00:0" + std::to_string(second) + ".000Z";
    newest.add(std::move(delivery));
  }
  CHECK(newest.added() == 10);
  Lines times;
  for (const auto& delivery : newest.take()) times.push_back(delivery.time.substr(18, 1));
  CHECK(times == Lines{"7", "8", "9"});
}

}  // namespace receiver::ctl
