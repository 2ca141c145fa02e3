#include "cmd/bitbucket-receiver/operator_metrics.h"

#include <chrono>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace receiver {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

/// A line of its own.
auto shows(const std::string& sample) {
  return Contains("\n" + sample + "\n");
}

}  // namespace

TEST_CASE("build and process are always shown") {
  CHECK_THAT(OperatorMetrics().render(), Contains("\nbitbucket_receiver_build_info{commit=\"") &&
                                             Contains("\nprocess_open_fds "));
}

TEST_CASE("deliveries are shown by their outcome") {
  webhook::DeliveryCounters counters;
  OperatorMetrics metrics;
  metrics.add_deliveries(counters);
  for (int i = 0; i < 3; ++i) counters.add(webhook::Outcome::kOk, "repo:push");
  counters.add(webhook::Outcome::kOk, "pr:merged");
  counters.add(webhook::Outcome::kPing, "diagnostics:ping");
  counters.add(webhook::Outcome::kIgnoredEvent, "a stranger's \"event");
  counters.add(webhook::Outcome::kIgnoredEvent, "");
  counters.previous_secret = 1;
  const auto sample = [](const std::string& event, const std::string& outcome,
                         const std::string& source, int value) {
    return shows("bitbucket_receiver_deliveries_total{event=\"" + event + "\",outcome=\"" +
                 outcome + "\",source=\"" + source + "\"} " + std::to_string(value));
  };
  CHECK_THAT(metrics.render(), sample("repo:push", "ok", "cloud", 3) &&
                                   sample("pr:merged", "ok", "data_center", 1) &&
                                   sample("pr:deleted", "ok", "data_center", 0) &&
                                   sample("diagnostics:ping", "ping", "data_center", 1) &&
                                   sample("other", "ignored_event", "unknown", 2) &&
                                   shows("bitbucket_receiver_previous_secret_deliveries_total 1"));
}

TEST_CASE("refreshes are shown by their result") {
  controllers::RefresherCounters counters;
  OperatorMetrics metrics;
  metrics.add_refresher(counters, [] { return 1500ms; });
  counters.warehouses.applied = 5;
  counters.promotions.retried = 7;
  counters.coalesced = 2;
  counters.patches_current = 1;
  CHECK_THAT(
      metrics.render(),
      shows("bitbucket_receiver_refresh_patches_total{kind=\"warehouse\",result=\"applied\"} "
            "5") &&
          shows("bitbucket_receiver_refresh_patches_total{kind=\"promotion\",result="
                "\"retried\"} 7") &&
          shows("bitbucket_receiver_refresh_queue_oldest_age_seconds 1.5") &&
          shows("bitbucket_receiver_refreshes_coalesced_total 2") &&
          shows("bitbucket_receiver_refresh_patches_in_flight 1"));
}

TEST_CASE("late targets are shown, and what is remembered for them") {
  webhook::LateTargetCounters counters;
  OperatorMetrics metrics;
  metrics.add_late_targets(counters);
  counters.refreshes = 3;
  counters.remembered_current = 2;
  counters.dropped = 1;
  CHECK_THAT(metrics.render(), shows("bitbucket_receiver_late_refreshes_total 3") &&
                                   shows("bitbucket_receiver_recent_deliveries 2") &&
                                   shows("bitbucket_receiver_recent_deliveries_dropped_total 1"));
}

TEST_CASE("catching up is shown by runs, and by what became of the objects") {
  controllers::CatchUpCounters counters;
  OperatorMetrics metrics;
  metrics.add_catch_up(counters);
  counters.runs = 1;
  counters.refreshed = 4;
  counters.skipped = 2;
  CHECK_THAT(
      metrics.render(),
      shows("bitbucket_receiver_catch_up_runs_total 1") &&
          shows("bitbucket_receiver_catch_up_objects_total{result=\"refreshed\"} 4") &&
          shows("bitbucket_receiver_catch_up_objects_total{result=\"refreshed_meanwhile\"} 2") &&
          shows("bitbucket_receiver_catch_up_objects_total{result=\"left_to_polling\"} 0"));
}

TEST_CASE("two listeners share the families of their metrics") {
  http::ServerCounters webhook;
  http::ServerCounters own;
  OperatorMetrics metrics;
  metrics.add_server("webhook", webhook);
  metrics.add_server("metrics", own);
  webhook.connections_current = 7;
  own.refused_header_time = 1;
  webhook.refused_requests = 2;
  const std::string text = metrics.render();
  CHECK_THAT(
      text,
      shows("bitbucket_receiver_http_connections{server=\"webhook\"} 7") &&
          shows("bitbucket_receiver_http_connections{server=\"metrics\"} 0") &&
          shows("bitbucket_receiver_http_refusals_total{limit=\"header_time\",server=\"metrics\"} "
                "1") &&
          shows("bitbucket_receiver_http_refusals_total{limit=\"requests\",server=\"webhook\"} 2"));
  const std::string type = "# TYPE bitbucket_receiver_http_connections gauge";
  CHECK(text.find(type) == text.rfind(type));
}

TEST_CASE("every refusal of a listener is shown by its limit") {
  http::ServerCounters counters;
  OperatorMetrics metrics;
  metrics.add_server("webhook", counters);
  counters.refused_header_bytes = 11;
  counters.refused_header_time = 12;
  counters.refused_body_bytes = 13;
  counters.refused_body_time = 14;
  counters.refused_bodies_bytes = 15;
  counters.refused_idle_time = 16;
  counters.refused_requests = 17;
  counters.refused_connections = 18;
  counters.refused_malformed = 19;
  const auto refused = [](const std::string& limit, int value) {
    return shows(
        fmt::format(R"(bitbucket_receiver_http_refusals_total{{limit="{}",server="webhook"}} {})",
                    limit, value));
  };
  CHECK_THAT(metrics.render(), refused("header_bytes", 11) && refused("header_time", 12) &&
                                   refused("body_bytes", 13) && refused("body_time", 14) &&
                                   refused("bodies_bytes", 15) && refused("idle_time", 16) &&
                                   refused("requests", 17) && refused("connections", 18) &&
                                   refused("malformed", 19));
}

TEST_CASE("what becomes of handshakes and changed certificates is shown") {
  http::ServerCounters counters;
  OperatorMetrics metrics;
  metrics.add_server("webhook", counters);
  counters.tls_handshake_failures = 21;
  counters.tls_reloads = 22;
  counters.tls_reload_failures = 23;
  CHECK_THAT(metrics.render(),
             shows(R"(bitbucket_receiver_tls_handshake_failures_total{server="webhook"} 21)") &&
                 shows(R"(bitbucket_receiver_tls_reloads_total{server="webhook"} 22)") &&
                 shows(R"(bitbucket_receiver_tls_reload_failures_total{server="webhook"} 23)"));
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
  metrics.add_reflector("warehouses", [&status] { return status; });
  metrics.add_work_queue("receivers", queue, 4);
  metrics.add_status_writes(writes);
  CHECK_THAT(metrics.render(),
             shows("bitbucket_receiver_reflector_synced{kind=\"warehouses\"} 0") &&
                 !Contains("reflector_silence_seconds"));
  status.settled = kube::ReflectorStatus::Settled::kSynced;
  status.lists = 2;
  status.last_heard = clock::Steady::now();
  queue.add({"ns", "name"}, clock::Steady::now());
  writes.status_conflicts = 6;
  CHECK_THAT(
      metrics.render(),
      shows("bitbucket_receiver_reflector_synced{kind=\"warehouses\"} 1") &&
          shows("bitbucket_receiver_reflector_refused{kind=\"warehouses\"} 0") &&
          shows("bitbucket_receiver_reflector_lists_total{kind=\"warehouses\"} 2") &&
          Contains("reflector_silence_seconds{kind=\"warehouses\"} ") &&
          shows("workqueue_depth{controller=\"receivers\",name=\"receivers\"} 1") &&
          shows("workqueue_adds_total{controller=\"receivers\",name=\"receivers\"} 1") &&
          shows("controller_runtime_max_concurrent_reconciles{controller=\"receivers\"} 4") &&
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
                 shows("rest_client_request_duration_seconds_bucket{verb=\"PATCH\",le=\"0.025\"} "
                       "1") &&
                 shows("rest_client_request_duration_seconds_count{verb=\"PATCH\"} 2"));
}

TEST_CASE("reconciles are shown under the names that controller-runtime gives them") {
  OperatorMetrics metrics;
  const auto observe = metrics.reconcile_observer("receivers");
  observe({"success", 2ms, 30ms});
  observe({"error", 200ms, 3ms});
  CHECK_THAT(
      metrics.render(),
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

TEST_CASE("answers and refreshes are timed") {
  OperatorMetrics metrics;
  metrics.delivery_observer()(bitbucket::Source::kDataCenter, 20ms);
  metrics.refresh_observer()(controllers::TargetKind::kPromotion, 2min);
  CHECK_THAT(metrics.render(),
             shows("bitbucket_receiver_delivery_duration_seconds_bucket{source=\"data_center\",le="
                   "\"0.025\"} 1") &&
                 shows("bitbucket_receiver_delivery_duration_seconds_count{source=\"cloud\"} 0") &&
                 shows("bitbucket_receiver_refresh_delay_seconds_bucket{kind=\"promotion\",le="
                       "\"60\"} 0") &&
                 shows("bitbucket_receiver_refresh_delay_seconds_sum{kind=\"promotion\"} 120"));
}

TEST_CASE("the leader is shown as client-go shows it") {
  bool leading = false;
  OperatorMetrics metrics;
  metrics.add_leader("lease", [&leading] { return leading; });
  CHECK_THAT(metrics.render(), shows("leader_election_master_status{name=\"lease\"} 0"));
  leading = true;
  CHECK_THAT(metrics.render(), shows("leader_election_master_status{name=\"lease\"} 1"));
}

TEST_CASE("authentications are counted by receiver and result") {
  OperatorMetrics metrics;
  const auto observe = metrics.authentication_observer();
  observe("team", "bb", "bad_signature");
  observe("team", "bb", "bad_signature");
  observe("team", "bb", "missing_signature");
  observe("", "bb", "accepted");
  const std::string name = "bitbucket_receiver_authentications_total";
  CHECK_THAT(metrics.render(),
             shows(name + R"({project="team",receiver="bb",result="bad_signature"} 2)") &&
                 shows(name + R"({project="team",receiver="bb",result="missing_signature"} 1)") &&
                 shows(name + R"({project="",receiver="bb",result="accepted"} 1)"));
}

TEST_CASE("anything else that is a number can be added, with labels") {
  OperatorMetrics metrics;
  metrics.add_gauge("objects", "Objects.", [] { return 3.0; }, {{"kind", "warehouses"}});
  CHECK_THAT(metrics.render(), shows("bitbucket_receiver_objects{kind=\"warehouses\"} 3"));
}

}  // namespace receiver
