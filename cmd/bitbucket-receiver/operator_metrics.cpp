#include "cmd/bitbucket-receiver/operator_metrics.h"

#include <array>
#include <chrono>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>

#include "cmd/version.h"

namespace receiver {
namespace {

constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();

/// Our own names; those of client-go and of Prometheus' clients stand as they are known.
std::string own(std::string_view name) {
  return fmt::format("bitbucket_receiver_{}", name);
}

/// Reads a number that is no atomic: of this thread.
template <std::integral T>
metrics::Readings::Read number(const T& value) {
  return [&value] { return static_cast<double>(value); };
}

double seconds(std::chrono::duration<double> duration) {
  return duration.count();
}

using Buckets = prometheus::Histogram::BucketBoundaries;
/// 5 ms to 30 s, after which a request is given up.
const Buckets kRequestSeconds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
/// To where Bitbucket gives up.
const Buckets kAnswerSeconds{0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 8, 10};
/// A refresh outlives its delivery when the API server is away.
const Buckets kRefreshSeconds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
/// Receivers come and go as long as the process lives; what comes beyond is not shown.
constexpr std::size_t kMaxAuthenticationSeries = 30'000;
/// Those of client-go's work queues.
const Buckets kQueueSeconds{1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 60, 300, 1000};

}  // namespace

OperatorMetrics::OperatorMetrics() {
  readings_.gauge(own("build_info"), "Always 1; its labels say what runs.",
                  {{"version", std::string(version())}, {"commit", std::string(commit())}},
                  [] { return 1.0; });
  metrics::add_process_metrics(readings_);
}

void OperatorMetrics::add_server(const std::string& name, const http::ServerCounters& counters) {
  const metrics::Labels server{{"server", name}};
  readings_.gauge(own("http_connections"), "Open connections.", server,
                  counters.connections_current);
  readings_.gauge(own("http_requests_in_flight"), "Requests being read or answered.", server,
                  counters.requests_current);
  readings_.gauge(own("http_body_bytes"), "Bytes of bodies held.", server,
                  counters.body_bytes_current);
  readings_.counter(own("http_connections_accepted_total"), "Connections accepted.", server,
                    counters.accepted);
  readings_.counter(own("http_connections_gave_way_total"),
                    "Idle connections closed to make room for new ones.", server,
                    counters.gave_way);
  readings_.counter(own("http_accept_failures_total"),
                    "Connections that could not be accepted: too few descriptors, mostly.", server,
                    counters.accept_failures);
  readings_.counter(own("http_requests_total"), "Requests whose head was read.", server,
                    counters.requests);
  readings_.counter(own("http_handler_failures_total"), "Requests answered 500: a defect.", server,
                    counters.handler_failures);
  const auto refused = [&](const char* limit, const std::atomic<std::uint64_t>& value) {
    readings_.counter(own("http_refusals_total"), "Requests and connections refused, by limit.",
                      {{"server", name}, {"limit", limit}}, value);
  };
  refused("header_bytes", counters.refused_header_bytes);
  refused("header_time", counters.refused_header_time);
  refused("body_bytes", counters.refused_body_bytes);
  refused("body_time", counters.refused_body_time);
  refused("bodies_bytes", counters.refused_bodies_bytes);
  refused("idle_time", counters.refused_idle_time);
  refused("requests", counters.refused_requests);
  refused("connections", counters.refused_connections);
  refused("malformed", counters.refused_malformed);
  readings_.counter(own("tls_handshake_failures_total"), "TLS handshakes that failed.", server,
                    counters.tls_handshake_failures);
  readings_.counter(own("tls_reloads_total"), "Changed certificates taken into use.", server,
                    counters.tls_reloads);
  readings_.counter(own("tls_reload_failures_total"),
                    "Changed certificates that are unusable: the old one is kept.", server,
                    counters.tls_reload_failures);
}

void OperatorMetrics::add_certificate(
    std::function<std::optional<clock::Wall::time_point>()> expiry) {
  readings_.gauge(own("tls_certificate_expiry_timestamp_seconds"),
                  "When the webhook port's certificate expires, in Unix time.", {},
                  [expiry = std::move(expiry)] {
                    const auto time = expiry();
                    return time ? seconds(time->time_since_epoch()) : kNoValue;
                  });
}

void OperatorMetrics::add_deliveries(const webhook::DeliveryCounters& counters) {
  webhook::add_metrics(readings_, counters);
}

void OperatorMetrics::add_refresher(const controllers::RefresherCounters& counters,
                                    std::function<std::chrono::nanoseconds()> oldest_age) {
  const auto patched = [&](const char* kind, const controllers::PatchCounters& patches) {
    const auto show = [&](const char* result, const std::atomic<std::uint64_t>& value) {
      readings_.counter(own("refresh_patches_total"),
                        "PATCHes of the refresh annotation that have ended, by result.",
                        {{"kind", kind}, {"result", result}}, value);
    };
    show("applied", patches.applied);
    show("gone", patches.gone);
    show("refused", patches.refused);
    show("retried", patches.retried);
  };
  patched("warehouse", counters.warehouses);
  patched("promotion", counters.promotions);
  readings_.counter(own("refreshes_coalesced_total"),
                    "Refreshes that share a PATCH which others waited for already.", {},
                    counters.coalesced);
  readings_.counter(own("refresh_queue_full_total"),
                    "Deliveries not taken because too many objects wait.", {}, counters.overloaded);
  readings_.gauge(own("refresh_queue_objects"), "Objects waiting, backing off or in flight.", {},
                  counters.objects_current);
  readings_.gauge(own("refresh_patches_in_flight"), "PATCHes in flight.", {},
                  counters.patches_current);
  readings_.gauge(own("refresh_queue_oldest_age_seconds"),
                  "How long the first delivery that is not applied yet has waited.", {},
                  [oldest_age = std::move(oldest_age)] { return seconds(oldest_age()); });
}

void OperatorMetrics::add_leader(const std::string& name, std::function<bool()> leading) {
  readings_.gauge("leader_election_master_status",
                  "1 in the replica that holds the Lease: it writes statuses and Events.",
                  {{"name", name}},
                  [leading = std::move(leading)] { return leading() ? 1.0 : 0.0; });
}

void OperatorMetrics::add_late_targets(const webhook::LateTargetCounters& counters) {
  readings_.counter(own("late_refreshes_total"),
                    "Objects refreshed because they were seen after a delivery that names them.",
                    {}, counters.refreshes);
  readings_.gauge(own("recent_deliveries"),
                  "Deliveries remembered for objects that are not seen yet; equal ones count once.",
                  {}, counters.remembered_current);
  readings_.counter(own("recent_deliveries_dropped_total"),
                    "Deliveries forgotten early because too many are remembered.", {},
                    counters.dropped);
}

void OperatorMetrics::add_catch_up(const controllers::CatchUpCounters& counters) {
  readings_.counter(own("catch_up_runs_total"), "Times that a new leader took deliveries for lost.",
                    {}, number(counters.runs));
  const auto ended = [&](const char* result, const std::uint64_t& value) {
    readings_.counter(own("catch_up_objects_total"),
                      "Objects that lost deliveries may have been for, by what became of them.",
                      {{"result", result}}, number(value));
  };
  ended("refreshed", counters.refreshed);
  ended("refreshed_meanwhile", counters.skipped);
  ended("left_to_polling", counters.left);
}

void OperatorMetrics::add_status_writes(const controllers::ReceiverControllerCounters& counters) {
  const auto wrote = [&](const char* result, const std::uint64_t& value) {
    readings_.counter(own("status_writes_total"),
                      "Writes of the status of ProjectConfigs and the ClusterConfig, by result.",
                      {{"result", result}}, number(value));
  };
  wrote("ok", counters.status_writes);
  wrote("conflict", counters.status_conflicts);
  wrote("error", counters.status_failures);
}

void OperatorMetrics::add_work_queue(const std::string& name, const kube::WorkQueue& queue,
                                     int workers) {
  const metrics::Labels labels{{"controller", name}, {"name", name}};
  const auto size = [&queue](std::size_t (kube::WorkQueue::*member)() const) {
    return [&queue, member] { return static_cast<double>((queue.*member)()); };
  };
  readings_.gauge("workqueue_depth", "Keys ready to be worked on.", labels,
                  size(&kube::WorkQueue::depth));
  readings_.counter("workqueue_adds_total", "Additions of keys that were not waiting.", labels,
                    [&queue] { return static_cast<double>(queue.adds()); });
  readings_.counter("workqueue_retries_total", "Failures that led to a retry.", labels,
                    [&queue] { return static_cast<double>(queue.retries()); });
  readings_.gauge(own("workqueue_delayed"), "Keys that wait for their time.", labels,
                  size(&kube::WorkQueue::delayed));
  readings_.gauge("controller_runtime_active_workers", "Keys being worked on.",
                  {{"controller", name}}, size(&kube::WorkQueue::in_progress));
  readings_.gauge("controller_runtime_max_concurrent_reconciles",
                  "Keys worked on at once, at most.", {{"controller", name}},
                  [workers] { return static_cast<double>(workers); });
  readings_.gauge("workqueue_unfinished_work_seconds",
                  "How long the keys in progress have been worked on, all together.", labels,
                  [&queue] { return seconds(queue.unfinished_work(clock::Steady::now())); });
  readings_.gauge("workqueue_longest_running_processor_seconds",
                  "How long the longest of them has been worked on.", labels,
                  [&queue] { return seconds(queue.longest_work(clock::Steady::now())); });
  readings_.gauge(own("workqueue_failing"), "Keys whose last work failed.", labels,
                  size(&kube::WorkQueue::failing));
  readings_.gauge(own("workqueue_oldest_age_seconds"), "How long the oldest ready key has waited.",
                  labels, [&queue] { return seconds(queue.oldest_age(clock::Steady::now())); });
}

void OperatorMetrics::add_reflector(const std::string& kind,
                                    const std::function<kube::ReflectorStatus()>& status) {
  using Status = kube::ReflectorStatus;
  const metrics::Labels labels{{"kind", kind}};
  const auto settled = [&](Status::Settled as) {
    return [status, as] { return status().settled == as ? 1.0 : 0.0; };
  };
  readings_.gauge(own("reflector_synced"), "1 if the kind was read as a whole.", labels,
                  settled(Status::Settled::kSynced));
  readings_.gauge(own("reflector_refused"), "1 if the kind, or the permission for it, is missing.",
                  labels, settled(Status::Settled::kRefused));
  const auto counter = [&](const char* name, const char* help, std::uint64_t Status::*count) {
    readings_.counter(own(name), help, labels,
                      [status, count] { return static_cast<double>(status().*count); });
  };
  counter("reflector_lists_total", "Lists begun.", &Status::lists);
  counter("reflector_watches_total", "Watches begun.", &Status::watches);
  counter("reflector_events_total", "Watch events received.", &Status::events);
  counter("reflector_bad_objects_total", "Objects that could not be read.", &Status::bad_objects);
  counter("reflector_failures_total", "Lists and watches that failed.", &Status::failures);
  readings_.gauge(own("reflector_silence_seconds"),
                  "Time since the API server sent anything about the kind.", labels, [status] {
                    const auto heard = status().last_heard;
                    if (heard == clock::Steady::time_point()) return kNoValue;
                    return seconds(clock::Steady::now() - heard);
                  });
}

void OperatorMetrics::add_gauge(const std::string& name, const std::string& help,
                                std::function<double()> value, const metrics::Labels& labels) {
  readings_.gauge(own(name), help, labels, std::move(value));
}

webhook::AuthenticationObserver OperatorMetrics::authentication_observer() {
  auto& results = prometheus::BuildCounter()
                      .Name(own("authentications_total"))
                      .Help("Whether senders had the receiver's key: accepted, or what was wrong.")
                      .Register(registry_);
  return [&results, series = std::make_shared<std::atomic<std::size_t>>(0)](
             const std::string& project, const std::string& receiver, std::string_view result) {
    const metrics::Labels labels{
        {"project", project}, {"receiver", receiver}, {"result", std::string(result)}};
    if (!results.Has(labels) && ++*series > kMaxAuthenticationSeries) return;
    results.Add(labels).Increment();
  };
}

kube::RequestObserver OperatorMetrics::request_observer() {
  auto& requests = prometheus::BuildCounter()
                       .Name("rest_client_requests_total")
                       .Help("Requests to the API server, by method and status code.")
                       .Register(registry_);
  auto& took = prometheus::BuildHistogram()
                   .Name("rest_client_request_duration_seconds")
                   .Help(
                       "Time from a request to the API server to its answer; of a watch, to the "
                       "answer's head.")
                   .Register(registry_);
  return
      [&requests, &took](std::string_view method, unsigned status, std::chrono::nanoseconds time) {
        const metrics::Labels verb{{"verb", std::string(method)}};
        // client-go's word for "no answer".
        std::string code = status == 0 ? "<error>" : std::to_string(status);
        requests.Add({{"method", std::string(method)}, {"code", std::move(code)}}).Increment();
        took.Add(verb, kRequestSeconds).Observe(seconds(time));
      };
}

kube::ReconcileObserver OperatorMetrics::reconcile_observer(const std::string& controller) {
  const metrics::Labels by_controller{{"controller", controller}};
  const metrics::Labels by_queue{{"controller", controller}, {"name", controller}};
  auto& total = prometheus::BuildCounter()
                    .Name("controller_runtime_reconcile_total")
                    .Help("Reconciles, by result.")
                    .Register(registry_);
  auto& errors = prometheus::BuildCounter()
                     .Name("controller_runtime_reconcile_errors_total")
                     .Help("Reconciles that failed and are retried.")
                     .Register(registry_)
                     .Add(by_controller);
  auto& time = prometheus::BuildHistogram()
                   .Name("controller_runtime_reconcile_time_seconds")
                   .Help("How long reconciles took.")
                   .Register(registry_)
                   .Add(by_controller, kRequestSeconds);
  auto& waited = prometheus::BuildHistogram()
                     .Name("workqueue_queue_duration_seconds")
                     .Help("How long keys waited to be worked on.")
                     .Register(registry_)
                     .Add(by_queue, kQueueSeconds);
  auto& worked = prometheus::BuildHistogram()
                     .Name("workqueue_work_duration_seconds")
                     .Help("How long keys were worked on.")
                     .Register(registry_)
                     .Add(by_queue, kQueueSeconds);
  for (const char* result : {"success", "requeue_after", "error"}) {
    total.Add({{"controller", controller}, {"result", result}});
  }
  return [&total, &errors, &time, &waited, &worked, controller](const kube::Reconciled& one) {
    total.Add({{"controller", controller}, {"result", std::string(one.result)}}).Increment();
    if (one.result == "error") errors.Increment();
    time.Observe(seconds(one.worked));
    waited.Observe(seconds(one.waited));
    worked.Observe(seconds(one.worked));
  };
}

std::function<void(bitbucket::Source, std::chrono::nanoseconds)>
OperatorMetrics::delivery_observer() {
  auto& family = prometheus::BuildHistogram()
                     .Name(own("delivery_duration_seconds"))
                     .Help("Time from a delivery's first byte to its answer.")
                     .Register(registry_);
  const auto of = [&family](bitbucket::Source source) {
    return &family.Add({{"source", std::string(bitbucket::source_name(source))}}, kAnswerSeconds);
  };
  auto* const cloud = of(bitbucket::Source::kCloud);
  auto* const data_center = of(bitbucket::Source::kDataCenter);
  return [cloud, data_center](bitbucket::Source source, std::chrono::nanoseconds took) {
    (source == bitbucket::Source::kCloud ? cloud : data_center)->Observe(seconds(took));
  };
}

controllers::Refresher::Applied OperatorMetrics::refresh_observer() {
  auto& family = prometheus::BuildHistogram()
                     .Name(own("refresh_delay_seconds"))
                     .Help("Time from a delivery to the refresh of each of its objects.")
                     .Register(registry_);
  auto* const warehouses = &family.Add({{"kind", "warehouse"}}, kRefreshSeconds);
  auto* const promotions = &family.Add({{"kind", "promotion"}}, kRefreshSeconds);
  return [warehouses, promotions](controllers::TargetKind kind, std::chrono::nanoseconds waited) {
    (kind == controllers::TargetKind::kWarehouse ? warehouses : promotions)
        ->Observe(seconds(waited));
  };
}

std::string OperatorMetrics::render() const {
  return metrics::render({&readings_, &registry_});
}

}  // namespace receiver
