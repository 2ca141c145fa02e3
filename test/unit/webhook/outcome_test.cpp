#include "webhook/outcome.h"

#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "webhook/metrics.h"

namespace receiver::webhook {

TEST_CASE("an outcome has one name, which alerts and dashboards know") {
  const std::vector<std::pair<Outcome, std::string>> names{
      {Outcome::kOk, "ok"},
      {Outcome::kQueued, "queued"},
      {Outcome::kFailed, "failed"},
      {Outcome::kOverloaded, "overloaded"},
      {Outcome::kIgnoredEvent, "ignored_event"},
      {Outcome::kPing, "ping"},
      {Outcome::kUnknownPath, "unknown_path"},
      {Outcome::kNotReady, "not_ready"},
      {Outcome::kWrongMethod, "wrong_method"},
      {Outcome::kTooLarge, "too_large"},
      {Outcome::kMissingSignature, "missing_signature"},
      {Outcome::kBadSignature, "bad_signature"},
      {Outcome::kBadBody, "bad_body"},
  };
  REQUIRE(names.size() == kOutcomes);
  for (const auto& [outcome, name] : names) {
    CHECK(outcome_name(outcome) == name);
    CHECK(outcome_named(name) == outcome);
  }
  CHECK(outcome_named("") == std::nullopt);
  CHECK(outcome_named("OK") == std::nullopt);
}

TEST_CASE("deliveries are counted by outcome and event, and shown so") {
  DeliveryCounters counters;
  metrics::Readings readings;
  add_metrics(readings, counters);
  const std::vector<std::pair<std::string, std::string>> events{
      {"repo:push", "cloud"},
      {"repo:refs_changed", "data_center"},
      {"pullrequest:rejected", "cloud"},
      {"pullrequest:fulfilled", "cloud"},
      {"pr:merged", "data_center"},
      {"pr:declined", "data_center"},
      {"pr:deleted", "data_center"},
      {"diagnostics:ping", "data_center"},
  };
  for (std::size_t outcome = 0; outcome < kOutcomes; ++outcome) {
    for (std::size_t index = 0; index < events.size(); ++index) {
      // So that all counts differ.
      for (std::size_t times = 0; times <= outcome * 10 + index; ++times) {
        counters.add(static_cast<Outcome>(outcome), events[index].first);
      }
    }
  }
  counters.add(Outcome::kIgnoredEvent, "repo:fork");
  counters.add(Outcome::kIgnoredEvent, "");
  const std::string shown = readings.render();
  const auto shows = [&](const std::string& event, const std::string& source, Outcome outcome,
                         std::size_t value) {
    CHECK_THAT(shown, Catch::Contains(fmt::format(
                          "\nbitbucket_receiver_deliveries_total{{event=\"{}\",outcome=\"{}\","
                          "source=\"{}\"}} {}\n",
                          event, outcome_name(outcome), source, value)));
  };
  for (std::size_t outcome = 0; outcome < kOutcomes; ++outcome) {
    for (std::size_t index = 0; index < events.size(); ++index) {
      shows(events[index].first, events[index].second, static_cast<Outcome>(outcome),
            outcome * 10 + index + 1);
    }
  }
  shows("other", "unknown", Outcome::kIgnoredEvent, 2);
  shows("other", "unknown", Outcome::kOk, 0);
  CHECK(counters.of(Outcome::kOk) == 36);
}

}  // namespace receiver::webhook
