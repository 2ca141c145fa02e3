#include "controllers/metrics.h"

#include <chrono>
#include <string>

#include <catch2/catch.hpp>

#include "test/support/shows.h"

namespace receiver::controllers {

using test::bounds;
using test::descriptions;
using test::shows;

namespace {

using namespace std::chrono_literals;

}  // namespace

TEST_CASE("refreshes are shown by their result") {
  RefresherCounters counters;
  metrics::Readings readings;
  add_metrics(readings, counters, [] { return 1500ms; });
  counters.warehouses.applied = 5;
  counters.promotions.retried = 7;
  counters.coalesced = 2;
  counters.patches_current = 1;
  CHECK_THAT(
      readings.render(),
      shows("bitbucket_receiver_refresh_patches_total{kind=\"warehouse\",result=\"applied\"} "
            "5") &&
          shows("bitbucket_receiver_refresh_patches_total{kind=\"promotion\",result="
                "\"retried\"} 7") &&
          shows("bitbucket_receiver_refresh_queue_oldest_age_seconds 1.5") &&
          shows("bitbucket_receiver_refreshes_coalesced_total 2") &&
          shows("bitbucket_receiver_refresh_patches_in_flight 1"));
}

TEST_CASE("catching up is shown by runs, and by what became of the objects") {
  CatchUpCounters counters;
  metrics::Readings readings;
  add_metrics(readings, counters);
  counters.runs = 1;
  counters.refreshed = 4;
  counters.skipped = 2;
  CHECK_THAT(
      readings.render(),
      shows("bitbucket_receiver_catch_up_runs_total 1") &&
          shows("bitbucket_receiver_catch_up_objects_total{result=\"refreshed\"} 4") &&
          shows("bitbucket_receiver_catch_up_objects_total{result=\"refreshed_meanwhile\"} 2") &&
          shows("bitbucket_receiver_catch_up_objects_total{result=\"left_to_polling\"} 0"));
}

TEST_CASE("writes of statuses are shown by their result") {
  ReceiverControllerCounters counters;
  metrics::Readings readings;
  add_metrics(readings, counters);
  counters.status_writes = 4;
  counters.status_conflicts = 6;
  counters.status_failures = 5;
  CHECK_THAT(readings.render(),
             shows("bitbucket_receiver_status_writes_total{result=\"ok\"} 4") &&
                 shows("bitbucket_receiver_status_writes_total{result=\"conflict\"} 6") &&
                 shows("bitbucket_receiver_status_writes_total{result=\"error\"} 5"));
}

TEST_CASE("refreshes are timed") {
  metrics::Readings readings;
  refresh_observer(readings)(TargetKind::kPromotion, 2min);
  CHECK_THAT(readings.render(),
             shows("bitbucket_receiver_refresh_delay_seconds_bucket{kind=\"promotion\",le="
                   "\"60\"} 0") &&
                 shows("bitbucket_receiver_refresh_delay_seconds_sum{kind=\"promotion\"} 120") &&
                 shows("bitbucket_receiver_refresh_delay_seconds_count{kind=\"warehouse\"} 0"));
  CHECK(bounds(readings.render(),
               R"(bitbucket_receiver_refresh_delay_seconds_bucket{kind="warehouse",)") ==
        "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 30 60 300 +Inf");
}

TEST_CASE("paths that are served are counted") {
  RouteTable routes;
  metrics::Readings readings;
  add_metrics(readings, routes);
  CHECK_THAT(readings.render(), shows("bitbucket_receiver_routes 0"));
  routes.replace({"team", "team"},
                 {{.path = "/bitbucket/1",
                   .project = "team",
                   .receiver = "bb",
                   .key = crypto::SecretString(std::string("key"))}},
                 false);
  CHECK_THAT(readings.render(), shows("bitbucket_receiver_routes 1"));
}

TEST_CASE("registrations are shown by their state, and deliveries that were missed are counted") {
  using State = RegistrationSchedule::State;
  RegistrarCounters counters;
  std::map<State, std::size_t> states{{State::kRegistered, 3}, {State::kFailed, 1}};
  metrics::Readings readings;
  add_metrics(readings, counters, [&] { return states; });
  counters.missed = 2;
  CHECK_THAT(readings.render(),
             shows("bitbucket_receiver_registrations{state=\"registered\"} 3") &&
                 shows("bitbucket_receiver_registrations{state=\"failed\"} 1") &&
                 shows("bitbucket_receiver_registrations{state=\"pending\"} 0") &&
                 shows("bitbucket_receiver_missed_deliveries_total 2"));
  states.clear();  // another replica leads
  CHECK_THAT(readings.render(), shows("bitbucket_receiver_registrations{state=\"failed\"} 0"));
}

TEST_CASE("/metrics says what is counted of refreshes and routes") {
  RefresherCounters refresher;
  CatchUpCounters catch_up;
  ReceiverControllerCounters receivers;
  RegistrarCounters registrar;
  RouteTable routes;
  metrics::Readings readings;
  refresh_observer(readings)(TargetKind::kWarehouse, 1s);
  add_metrics(readings, refresher, [] { return 0ms; });
  add_metrics(readings, catch_up);
  add_metrics(readings, receivers);
  add_metrics(readings, registrar,
              [] { return std::map<RegistrationSchedule::State, std::size_t>(); });
  add_metrics(readings, routes);
  CHECK(
      descriptions(readings.render()) ==
      R"(bitbucket_receiver_refresh_delay_seconds Time from a delivery to the refresh of each of its objects.
bitbucket_receiver_refresh_patches_total Finished PATCHes of the refresh annotation, by result.
bitbucket_receiver_refreshes_coalesced_total Refreshes that joined a waiting PATCH.
bitbucket_receiver_refresh_queue_full_total Deliveries rejected because too many objects are waiting.
bitbucket_receiver_refresh_queue_objects Objects waiting, backing off or in flight.
bitbucket_receiver_refresh_patches_in_flight PATCHes in flight.
bitbucket_receiver_refresh_queue_oldest_age_seconds Age of the oldest delivery that is not applied yet.
bitbucket_receiver_catch_up_runs_total Times that a new leader assumed lost deliveries, and caught up.
bitbucket_receiver_catch_up_objects_total Objects of catch-ups, by result.
bitbucket_receiver_status_writes_total Writes of the status of ProjectConfigs and the ClusterConfig, by result.
bitbucket_receiver_registrations Webhooks that the leader registers, by their last known state.
bitbucket_receiver_missed_deliveries_total Times that Bitbucket reported failed deliveries.
bitbucket_receiver_routes Paths that receivers are served at.
)");
}

}  // namespace receiver::controllers
