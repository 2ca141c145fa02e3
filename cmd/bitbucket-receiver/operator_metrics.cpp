#include "cmd/bitbucket-receiver/operator_metrics.h"

#include <array>
#include <chrono>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>

#include "cmd/bitbucket-receiver/version.h"

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

/// 5 ms to 30 s, after which a request is given up.
const prometheus::Histogram::BucketBoundaries kRequestSeconds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                              0.5,   1,    2.5,   5,    10,  30};

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
  const auto ended = [&](const char* outcome, const std::atomic<std::uint64_t>& value) {
    readings_.counter(own("deliveries_total"), "Requests to the webhook port, by how they ended.",
                      {{"outcome", outcome}}, value);
  };
  ended("ok", counters.answered_ok);
  ended("queued", counters.answered_queued);
  ended("failed", counters.answered_failed);
  ended("overloaded", counters.overloaded);
  ended("ignored_event", counters.ignored);
  ended("ping", counters.pings);
  ended("unknown_path", counters.unknown_path);
  ended("not_ready", counters.not_ready);
  ended("wrong_method", counters.wrong_method);
  ended("too_large", counters.too_large);
  ended("missing_signature", counters.missing_signature);
  ended("bad_signature", counters.bad_signature);
  ended("bad_body", counters.bad_body);
  readings_.counter(own("previous_secret_deliveries_total"),
                    "Deliveries signed with a secret that is being replaced.", {},
                    counters.previous_secret);
}

void OperatorMetrics::add_refresher(const controllers::RefresherCounters& counters) {
  const auto patched = [&](const char* result, const std::atomic<std::uint64_t>& value) {
    readings_.counter(own("refresh_patches_total"),
                      "PATCHes of the refresh annotation that have ended, by result.",
                      {{"result", result}}, value);
  };
  patched("applied", counters.applied);
  patched("gone", counters.gone);
  patched("refused", counters.refused);
  patched("retried", counters.retried);
  readings_.counter(own("refreshes_coalesced_total"),
                    "Refreshes that share a PATCH which others waited for already.", {},
                    counters.coalesced);
  readings_.counter(own("refresh_queue_full_total"),
                    "Deliveries not taken because too many objects wait.", {}, counters.overloaded);
  readings_.gauge(own("refresh_queue_objects"), "Objects waiting, backing off or in flight.", {},
                  counters.objects_current);
  readings_.gauge(own("refresh_patches_in_flight"), "PATCHes in flight.", {},
                  counters.patches_current);
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

void OperatorMetrics::add_work_queue(const std::string& name, const kube::WorkQueue& queue) {
  const metrics::Labels labels{{"name", name}};
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
  readings_.gauge(own("workqueue_in_progress"), "Keys being worked on.", labels,
                  size(&kube::WorkQueue::in_progress));
  readings_.gauge(own("workqueue_failing"), "Keys whose last work failed.", labels,
                  size(&kube::WorkQueue::failing));
  readings_.gauge(own("workqueue_oldest_age_seconds"), "How long the oldest ready key has waited.",
                  labels, [&queue] { return seconds(queue.oldest_age(clock::Steady::now())); });
}

void OperatorMetrics::add_reflector(const std::string& kind, const kube::ReflectorStatus& status) {
  using Settled = kube::ReflectorStatus::Settled;
  const metrics::Labels labels{{"kind", kind}};
  const auto settled = [&status](Settled as) {
    return [&status, as] { return status.settled == as ? 1.0 : 0.0; };
  };
  readings_.gauge(own("reflector_synced"), "1 if the kind was read as a whole.", labels,
                  settled(Settled::kSynced));
  readings_.gauge(own("reflector_refused"), "1 if the kind, or the permission for it, is missing.",
                  labels, settled(Settled::kRefused));
  readings_.counter(own("reflector_lists_total"), "Lists begun.", labels, number(status.lists));
  readings_.counter(own("reflector_watches_total"), "Watches begun.", labels,
                    number(status.watches));
  readings_.counter(own("reflector_events_total"), "Watch events received.", labels,
                    number(status.events));
  readings_.counter(own("reflector_bad_objects_total"), "Objects that could not be read.", labels,
                    number(status.bad_objects));
  readings_.counter(own("reflector_failures_total"), "Lists and watches that failed.", labels,
                    number(status.failures));
  readings_.gauge(own("reflector_silence_seconds"),
                  "Time since the API server sent anything about the kind.", labels, [&status] {
                    if (status.last_heard == clock::Steady::time_point()) return kNoValue;
                    return seconds(clock::Steady::now() - status.last_heard);
                  });
}

void OperatorMetrics::add_gauge(const std::string& name, const std::string& help,
                                std::function<double()> value, const metrics::Labels& labels) {
  readings_.gauge(own(name), help, labels, std::move(value));
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
        const metrics::Labels verb{{"method", std::string(method)}};
        // client-go's word for "no answer".
        std::string code = status == 0 ? "<error>" : std::to_string(status);
        requests.Add({{"method", std::string(method)}, {"code", std::move(code)}}).Increment();
        took.Add(verb, kRequestSeconds).Observe(seconds(time));
      };
}

std::string OperatorMetrics::render() const {
  return metrics::render({&readings_, &registry_});
}

}  // namespace receiver
