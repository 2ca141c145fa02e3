#include "kube/metrics.h"

#include <chrono>
#include <string>

#include <catch2/catch.hpp>

#include "test/support/shows.h"

namespace receiver::kube {

using test::bounds;
using test::descriptions;
using test::shows;

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("what reflectors and queues count is shown") {
  ReflectorStatus status;
  WorkQueue queue;
  metrics::Readings readings;
  add_reflector_metrics(readings, "warehouses", [&status] { return status; });
  add_queue_metrics(readings, "receivers", queue, 4);
  CHECK_THAT(readings.render(),
             shows("bitbucket_receiver_reflector_synced{kind=\"warehouses\"} 0") &&
                 !Contains("reflector_silence_seconds"));
  status.settled = ReflectorStatus::Settled::kSynced;
  status.lists = 2;
  status.last_heard = clock::Steady::now();
  queue.add({"ns", "name"}, clock::Steady::now());
  CHECK_THAT(readings.render(),
             shows("bitbucket_receiver_reflector_synced{kind=\"warehouses\"} 1") &&
                 shows("bitbucket_receiver_reflector_refused{kind=\"warehouses\"} 0") &&
                 shows("bitbucket_receiver_reflector_lists_total{kind=\"warehouses\"} 2") &&
                 Contains("reflector_silence_seconds{kind=\"warehouses\"} ") &&
                 shows("workqueue_depth{controller=\"receivers\",name=\"receivers\"} 1") &&
                 shows("workqueue_adds_total{controller=\"receivers\",name=\"receivers\"} 1") &&
                 shows("controller_runtime_max_concurrent_reconciles{controller=\"receivers\"} 4"));
}

TEST_CASE("requests to the API server are counted by method and code, and timed") {
  metrics::Readings readings;
  const auto observe = request_observer(readings);
  observe("PATCH", 200, 20ms);
  observe("PATCH", 200, 3s);
  observe("GET", 0, 1ms);
  CHECK_THAT(readings.render(),
             shows("rest_client_requests_total{code=\"200\",method=\"PATCH\"} 2") &&
                 shows("rest_client_requests_total{code=\"<error>\",method=\"GET\"} 1") &&
                 shows("rest_client_request_duration_seconds_bucket{verb=\"PATCH\",le=\"0.025\"} "
                       "1") &&
                 shows("rest_client_request_duration_seconds_count{verb=\"PATCH\"} 2"));
}

TEST_CASE("reconciles are shown under the names that controller-runtime gives them") {
  metrics::Readings readings;
  const auto observe = reconcile_observer(readings, "receivers");
  observe({"success", 2ms, 30ms});
  observe({"error", 200ms, 3ms});
  CHECK_THAT(
      readings.render(),
      shows("controller_runtime_reconcile_total{controller=\"receivers\",result=\"success\"} 1") &&
          shows("controller_runtime_reconcile_total{controller=\"receivers\",result="
                "\"requeue_after\"} 0") &&
          shows("controller_runtime_reconcile_errors_total{controller=\"receivers\"} 1") &&
          shows("controller_runtime_reconcile_time_seconds_count{controller=\"receivers\"} 2") &&
          shows("workqueue_queue_duration_seconds_bucket{controller=\"receivers\",name="
                "\"receivers\",le=\"0.01\"} 1") &&
          shows("workqueue_work_duration_seconds_bucket{controller=\"receivers\",name="
                "\"receivers\",le=\"0.1\"} 2"));
}

TEST_CASE("the leader is shown as client-go shows it") {
  bool leading = false;
  metrics::Readings readings;
  add_leader_metrics(readings, "lease", [&leading] { return leading; });
  CHECK_THAT(readings.render(), shows("leader_election_master_status{name=\"lease\"} 0"));
  leading = true;
  CHECK_THAT(readings.render(), shows("leader_election_master_status{name=\"lease\"} 1"));
}

TEST_CASE("/metrics says what is counted of clients, controllers and reflectors") {
  WorkQueue queue;
  ReflectorStatus status;
  status.last_heard = clock::Steady::now();
  metrics::Readings readings;
  request_observer(readings)("GET", 200, 1ms);
  reconcile_observer(readings, "receivers")({"success", 1ms, 1ms});
  add_queue_metrics(readings, "receivers", queue, 4);
  add_reflector_metrics(readings, "warehouses", [&status] { return status; });
  add_leader_metrics(readings, "lease", [] { return true; });
  const std::string text = readings.render();
  CHECK(descriptions(text) ==
        R"(rest_client_requests_total Requests to the API server, by method and status code.
controller_runtime_reconcile_total Reconciles, by result.
controller_runtime_reconcile_errors_total Reconciles that failed and are retried.
rest_client_request_duration_seconds Time from a request to the API server to its answer; for a watch, to the answer's header.
controller_runtime_reconcile_time_seconds Time that a reconcile took.
workqueue_queue_duration_seconds Time that keys waited to be processed.
workqueue_work_duration_seconds Time that processing a key took.
workqueue_depth Keys ready to be processed.
workqueue_adds_total Additions of keys that were not waiting.
workqueue_retries_total Failures that led to a retry.
bitbucket_receiver_workqueue_delayed Keys that wait for a delay to pass.
controller_runtime_active_workers Keys being processed.
controller_runtime_max_concurrent_reconciles Maximum number of keys processed at the same time.
workqueue_unfinished_work_seconds Total time that the keys in progress have been processed.
workqueue_longest_running_processor_seconds Time that the longest of them has been processed.
bitbucket_receiver_workqueue_failing Keys whose last processing failed.
bitbucket_receiver_workqueue_oldest_age_seconds Time that the oldest ready key has waited.
bitbucket_receiver_reflector_synced 1 if the kind has been read completely.
bitbucket_receiver_reflector_refused 1 if the kind, or the permission for it, is missing.
bitbucket_receiver_reflector_lists_total Lists begun.
bitbucket_receiver_reflector_watches_total Watches begun.
bitbucket_receiver_reflector_events_total Watch events received.
bitbucket_receiver_reflector_bad_objects_total Objects that could not be read.
bitbucket_receiver_reflector_failures_total Lists and watches that failed.
bitbucket_receiver_reflector_silence_seconds Time since the API server sent anything about the kind.
leader_election_master_status 1 in the replica that holds the Lease: it writes statuses and Events.
)");
  CHECK(bounds(text, R"(rest_client_request_duration_seconds_bucket{verb="GET",)") ==
        "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 30 +Inf");
  CHECK(
      bounds(
          text,
          R"(workqueue_queue_duration_seconds_bucket{controller="receivers",name="receivers",)") ==
      "1e-06 1e-05 0.0001 0.001 0.01 0.1 1 10 60 300 1000 +Inf");
}

}  // namespace receiver::kube
