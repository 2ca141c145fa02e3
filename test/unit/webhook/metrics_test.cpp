#include "webhook/metrics.h"

#include <chrono>
#include <string>

#include <catch2/catch.hpp>

#include "test/support/shows.h"

namespace receiver::webhook {

using test::bounds;
using test::descriptions;
using test::shows;

namespace {

using namespace std::chrono_literals;

}  // namespace

TEST_CASE("deliveries are shown by their outcome") {
  DeliveryCounters counters;
  metrics::Readings readings;
  add_metrics(readings, counters);
  for (int i = 0; i < 3; ++i) counters.add(Outcome::kOk, "repo:push");
  counters.add(Outcome::kOk, "pr:merged");
  counters.add(Outcome::kPing, "diagnostics:ping");
  counters.add(Outcome::kIgnoredEvent, "a stranger's \"event");
  counters.add(Outcome::kIgnoredEvent, "");
  counters.previous_secret = 1;
  counters.spared = 7;
  const auto sample = [](const std::string& event, const std::string& outcome,
                         const std::string& source, int value) {
    return shows("bitbucket_receiver_deliveries_total{event=\"" + event + "\",outcome=\"" +
                 outcome + "\",source=\"" + source + "\"} " + std::to_string(value));
  };
  CHECK_THAT(readings.render(),
             sample("repo:push", "ok", "cloud", 3) && sample("pr:merged", "ok", "data_center", 1) &&
                 sample("pr:deleted", "ok", "data_center", 0) &&
                 sample("diagnostics:ping", "ping", "data_center", 1) &&
                 sample("other", "ignored_event", "unknown", 2) &&
                 shows("bitbucket_receiver_previous_secret_deliveries_total 1") &&
                 shows("bitbucket_receiver_refreshes_spared_total 7"));
}

TEST_CASE("late targets are shown, and what is remembered for them") {
  LateTargetCounters counters;
  metrics::Readings readings;
  add_metrics(readings, counters);
  counters.refreshes = 3;
  counters.remembered_current = 2;
  counters.dropped = 1;
  CHECK_THAT(readings.render(), shows("bitbucket_receiver_late_refreshes_total 3") &&
                                    shows("bitbucket_receiver_recent_deliveries 2") &&
                                    shows("bitbucket_receiver_recent_deliveries_dropped_total 1"));
}

TEST_CASE("answers are timed") {
  metrics::Readings readings;
  answer_observer(readings)(bitbucket::Source::kDataCenter, 20ms);
  CHECK_THAT(readings.render(),
             shows("bitbucket_receiver_delivery_duration_seconds_bucket{source=\"data_center\",le="
                   "\"0.025\"} 1") &&
                 shows("bitbucket_receiver_delivery_duration_seconds_count{source=\"cloud\"} 0"));
}

TEST_CASE("authentications are counted by receiver and result") {
  metrics::Readings readings;
  const auto observe = authentication_observer(readings);
  observe("team", "bb", "bad_signature");
  observe("team", "bb", "bad_signature");
  observe("team", "bb", "missing_signature");
  observe("", "bb", "accepted");
  const std::string name = "bitbucket_receiver_authentications_total";
  CHECK_THAT(readings.render(),
             shows(name + R"({project="team",receiver="bb",result="bad_signature"} 2)") &&
                 shows(name + R"({project="team",receiver="bb",result="missing_signature"} 1)") &&
                 shows(name + R"({project="",receiver="bb",result="accepted"} 1)"));
}

TEST_CASE("questions to Bitbucket are shown by product and result, and those that needed none") {
  InquirerCounters counters;
  metrics::Readings readings;
  add_metrics(readings, counters);
  question_observer(readings)(bitbucket::Source::kCloud, 20ms);
  counters.cloud[0] = 3;
  counters.data_center[4] = 2;
  counters.from_cache = 5;
  counters.shared = 6;
  counters.not_asked = 7;
  counters.cache_bytes = 1000;
  const std::string questions = "bitbucket_receiver_bitbucket_questions_total";
  const std::string unasked = "bitbucket_receiver_bitbucket_questions_unasked_total";
  CHECK_THAT(
      readings.render(),
      shows(questions + R"({product="cloud",result="ok"} 3)") &&
          shows(questions + R"({product="data_center",result="forbidden"} 2)") &&
          shows(questions + R"({product="data_center",result="unknown"} 0)") &&
          shows(unasked + R"({why="cached"} 5)") && shows(unasked + R"({why="shared"} 6)") &&
          shows(unasked + R"({why="skipped"} 7)") &&
          shows("bitbucket_receiver_bitbucket_cache_bytes 1000") &&
          shows("bitbucket_receiver_bitbucket_question_duration_seconds_bucket{product=\"cloud\","
                "le=\"0.025\"} 1"));
}

TEST_CASE("/metrics says what is counted of deliveries") {
  DeliveryCounters deliveries;
  LateTargetCounters late;
  metrics::Readings readings;
  add_metrics(readings, deliveries);
  add_metrics(readings, late);
  authentication_observer(readings)("team", "bb", "accepted");
  answer_observer(readings)(bitbucket::Source::kCloud, 1ms);
  const std::string text = readings.render();
  CHECK(descriptions(text) ==
        R"(bitbucket_receiver_authentications_total Signature checks, by receiver and result.
bitbucket_receiver_delivery_duration_seconds Time from a delivery's first byte to its answer.
bitbucket_receiver_deliveries_total Requests to the webhook port, by source, event and outcome.
bitbucket_receiver_previous_secret_deliveries_total Deliveries signed with secret.previous.
bitbucket_receiver_refreshes_spared_total Warehouses that a push did not refresh, because it changes none of their files, or not the default branch.
bitbucket_receiver_late_refreshes_total Objects that appeared after a delivery that names them, and were refreshed then.
bitbucket_receiver_recent_deliveries Deliveries remembered for objects that have not appeared yet; equal ones count once.
bitbucket_receiver_recent_deliveries_dropped_total Deliveries forgotten early because too many are remembered.
)");
  CHECK(bounds(text, R"(bitbucket_receiver_delivery_duration_seconds_bucket{source="cloud",)") ==
        "0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 8 10 +Inf");
}

}  // namespace receiver::webhook
