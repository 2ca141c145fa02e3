#include "controllers/metrics.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "kube/metrics.h"

namespace receiver::controllers {

using metrics::own;

namespace {

/// A refresh takes longer than its delivery if the API server is unavailable.
const metrics::Buckets kRefreshSeconds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                       1,     2.5,  5,     10,   30,  60,   300};

}  // namespace

Refresher::Applied refresh_observer(metrics::Readings& readings) {
  auto& family = readings.histogram_family(
      own("refresh_delay_seconds"), "Time from a delivery to the refresh of each of its objects.");
  auto& warehouses = family.Add({{"kind", "warehouse"}}, kRefreshSeconds);
  auto& promotions = family.Add({{"kind", "promotion"}}, kRefreshSeconds);
  return [&warehouses, &promotions](TargetKind kind, std::chrono::nanoseconds waited) {
    (kind == TargetKind::kWarehouse ? warehouses : promotions).Observe(metrics::seconds(waited));
  };
}

void add_metrics(metrics::Readings& readings, const RefresherCounters& counters,
                 std::function<std::chrono::nanoseconds()> oldest_age) {
  const auto patched = [&](const char* kind, const PatchCounters& patches) {
    const auto show = [&](const char* result, const std::atomic<std::uint64_t>& value) {
      readings.counter(own("refresh_patches_total"),
                       "Finished PATCHes of the refresh annotation, by result.",
                       {{"kind", kind}, {"result", result}}, value);
    };
    show("applied", patches.applied);
    show("gone", patches.gone);
    show("refused", patches.refused);
    show("retried", patches.retried);
  };
  patched("warehouse", counters.warehouses);
  patched("promotion", counters.promotions);
  readings.counter(own("refreshes_coalesced_total"), "Refreshes that joined a waiting PATCH.", {},
                   counters.coalesced);
  readings.counter(own("refresh_queue_full_total"),
                   "Deliveries rejected because too many objects are waiting.", {},
                   counters.overloaded);
  readings.gauge(own("refresh_queue_objects"), "Objects waiting, backing off or in flight.", {},
                 counters.objects_current);
  readings.gauge(own("refresh_patches_in_flight"), "PATCHes in flight.", {},
                 counters.patches_current);
  readings.gauge(own("refresh_queue_oldest_age_seconds"),
                 "Age of the oldest delivery that is not applied yet.", {},
                 [oldest_age = std::move(oldest_age)] { return metrics::seconds(oldest_age()); });
}

void add_metrics(metrics::Readings& readings, const CatchUpCounters& counters) {
  readings.counter(own("catch_up_runs_total"),
                   "Times that a new leader assumed lost deliveries, and caught up.", {},
                   counters.runs);
  const auto ended = [&](const char* result, const std::uint64_t& value) {
    readings.counter(own("catch_up_objects_total"), "Objects of catch-ups, by result.",
                     {{"result", result}}, value);
  };
  ended("refreshed", counters.refreshed);
  ended("refreshed_meanwhile", counters.skipped);
  ended("left_to_polling", counters.left);
}

void add_metrics(metrics::Readings& readings, const ReceiverControllerCounters& counters) {
  const auto wrote = [&](const char* result, const std::uint64_t& value) {
    readings.counter(own("status_writes_total"),
                     "Writes of the status of ProjectConfigs and the ClusterConfig, by result.",
                     {{"result", result}}, value);
  };
  wrote("ok", counters.status_writes);
  wrote("conflict", counters.status_conflicts);
  wrote("error", counters.status_failures);
}

void add_metrics(metrics::Readings& readings, const ReceiverController& receivers, int workers) {
  add_metrics(readings, receivers.counters());
  kube::add_queue_metrics(readings, std::string(ReceiverController::kName), receivers.queue(),
                          workers);
  kube::add_reflector_metrics(readings, "secrets",
                              [&receivers] { return receivers.secrets_status(); });
  readings.gauge(own("secret_watches"), "Watches of Secrets.", {},
                 [&receivers] { return static_cast<double>(receivers.secret_watches()); });
  const auto count = [&](const char* ready, std::size_t ReceiverCounts::*member) {
    readings.gauge(own("receivers"), "Declared Bitbucket receivers, by whether they are served.",
                   {{"ready", ready}}, [&receivers, member] {
                     return static_cast<double>(receivers.receivers().*member);
                   });
  };
  count("true", &ReceiverCounts::ready);
  count("false", &ReceiverCounts::not_ready);
}

void add_metrics(metrics::Readings& readings, const RegistrarCounters& counters,
                 std::function<std::map<RegistrationSchedule::State, std::size_t>()> states) {
  using State = RegistrationSchedule::State;
  for (const auto& [label, state] :
       {std::pair{"registered", State::kRegistered}, std::pair{"pending", State::kPending},
        std::pair{"skipped", State::kSkipped}, std::pair{"failed", State::kFailed}}) {
    readings.gauge(own("registrations"),
                   "Webhooks that the leader registers, by their last known state.",
                   {{"state", label}},
                   [states, state = state] { return static_cast<double>(states()[state]); });
  }
  readings.counter(own("missed_deliveries_total"),
                   "Times that Bitbucket reported failed deliveries.", {}, counters.missed);
}

void add_metrics(metrics::Readings& readings, const RouteTable& routes) {
  readings.gauge(own("routes"), "Paths that receivers are served at.", {},
                 [&routes] { return static_cast<double>(routes.size()); });
}

}  // namespace receiver::controllers
