#include "cmd/bitbucket-receiver/operator_metrics.h"

#include <chrono>
#include <string>

#include <catch2/catch.hpp>

namespace receiver {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

/// A line of its own.
auto shows(const std::string& sample) {
  return Contains("\n" + sample + "\n");
}

TEST_CASE("build and process are always shown") {
  CHECK_THAT(OperatorMetrics().render(), Contains("\nbitbucket_receiver_build_info{commit=\"") &&
                                             Contains("\nprocess_open_fds "));
}

TEST_CASE("deliveries are shown by their outcome") {
  webhook::DeliveryCounters counters;
  OperatorMetrics metrics;
  metrics.add_deliveries(counters);
  counters.answered_ok = 3;
  counters.bad_signature = 4;
  counters.previous_secret = 1;
  CHECK_THAT(metrics.render(),
             shows("bitbucket_receiver_deliveries_total{outcome=\"ok\"} 3") &&
                 shows("bitbucket_receiver_deliveries_total{outcome=\"bad_signature\"} 4") &&
                 shows("bitbucket_receiver_deliveries_total{outcome=\"ping\"} 0") &&
                 shows("bitbucket_receiver_previous_secret_deliveries_total 1"));
}

TEST_CASE("refreshes are shown by their result") {
  controllers::RefresherCounters counters;
  OperatorMetrics metrics;
  metrics.add_refresher(counters);
  counters.applied = 5;
  counters.coalesced = 2;
  counters.patches_current = 1;
  CHECK_THAT(metrics.render(),
             shows("bitbucket_receiver_refresh_patches_total{result=\"applied\"} 5") &&
                 shows("bitbucket_receiver_refreshes_coalesced_total 2") &&
                 shows("bitbucket_receiver_refresh_patches_in_flight 1"));
}

TEST_CASE("two listeners share the families of their metrics") {
  http::ServerCounters webhook;
  http::ServerCounters own;
  OperatorMetrics metrics;
  metrics.add_server("webhook", webhook);
  metrics.add_server("metrics", own);
  webhook.connections_current = 7;
  own.refused_header_time = 1;
  const std::string text = metrics.render();
  CHECK_THAT(
      text,
      shows("bitbucket_receiver_http_connections{server=\"webhook\"} 7") &&
          shows("bitbucket_receiver_http_connections{server=\"metrics\"} 0") &&
          shows("bitbucket_receiver_http_refusals_total{limit=\"header_time\",server=\"metrics\"} "
                "1"));
  const std::string type = "# TYPE bitbucket_receiver_http_connections gauge";
  CHECK(text.find(type) == text.rfind(type));
}

TEST_CASE("a certificate's expiry is shown if there is one") {
  std::optional<clock::Wall::time_point> expiry;
  OperatorMetrics metrics;
  metrics.add_certificate([&expiry] { return expiry; });
  CHECK_THAT(metrics.render(), !Contains("certificate"));
  expiry = clock::Wall::from_time_t(1'767'225'600);
  CHECK_THAT(metrics.render(),
             shows("bitbucket_receiver_tls_certificate_expiry_timestamp_seconds 1767225600"));
}

TEST_CASE("what reflectors, queue and status writes count is shown") {
  kube::ReflectorStatus status;
  kube::WorkQueue queue;
  controllers::ReceiverControllerCounters writes;
  OperatorMetrics metrics;
  metrics.add_reflector("warehouses", status);
  metrics.add_work_queue("receivers", queue);
  metrics.add_status_writes(writes);
  CHECK_THAT(metrics.render(),
             shows("bitbucket_receiver_reflector_synced{kind=\"warehouses\"} 0") &&
                 !Contains("reflector_silence_seconds"));
  status.settled = kube::ReflectorStatus::Settled::kSynced;
  status.lists = 2;
  status.last_heard = clock::Steady::now();
  queue.add({"ns", "name"}, clock::Steady::now());
  writes.status_conflicts = 6;
  CHECK_THAT(metrics.render(),
             shows("bitbucket_receiver_reflector_synced{kind=\"warehouses\"} 1") &&
                 shows("bitbucket_receiver_reflector_refused{kind=\"warehouses\"} 0") &&
                 shows("bitbucket_receiver_reflector_lists_total{kind=\"warehouses\"} 2") &&
                 Contains("reflector_silence_seconds{kind=\"warehouses\"} ") &&
                 shows("workqueue_depth{name=\"receivers\"} 1") &&
                 shows("workqueue_adds_total{name=\"receivers\"} 1") &&
                 shows("bitbucket_receiver_status_writes_total{result=\"conflict\"} 6"));
}

TEST_CASE("requests to the API server are counted by method and code, and timed") {
  OperatorMetrics metrics;
  const auto observe = metrics.request_observer();
  observe("PATCH", 200, 20ms);
  observe("PATCH", 200, 3s);
  observe("GET", 0, 1ms);
  CHECK_THAT(metrics.render(),
             shows("rest_client_requests_total{code=\"200\",method=\"PATCH\"} 2") &&
                 shows("rest_client_requests_total{code=\"<error>\",method=\"GET\"} 1") &&
                 shows("rest_client_request_duration_seconds_bucket{method=\"PATCH\",le=\"0.025\"} "
                       "1") &&
                 shows("rest_client_request_duration_seconds_count{method=\"PATCH\"} 2"));
}

TEST_CASE("anything else that is a number can be added, with labels") {
  OperatorMetrics metrics;
  metrics.add_gauge("objects", "Objects.", [] { return 3.0; }, {{"kind", "warehouses"}});
  CHECK_THAT(metrics.render(), shows("bitbucket_receiver_objects{kind=\"warehouses\"} 3"));
}

}  // namespace
}  // namespace receiver
