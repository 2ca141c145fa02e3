#include "http/metrics.h"

#include <atomic>
#include <cstdint>
#include <utility>

namespace receiver::http {

using metrics::own;

void add_metrics(metrics::Readings& readings, const std::string& server,
                 const ServerCounters& counters) {
  const metrics::Labels labels{{"server", server}};
  readings.gauge(own("http_connections"), "Open connections.", labels,
                 counters.connections_current);
  readings.gauge(own("http_requests_in_flight"), "Requests being read or answered.", labels,
                 counters.requests_current);
  readings.gauge(own("http_body_bytes"), "Bytes of bodies held.", labels,
                 counters.body_bytes_current);
  readings.counter(own("http_connections_accepted_total"), "Connections accepted.", labels,
                   counters.accepted);
  readings.counter(own("http_connections_gave_way_total"),
                   "Idle connections closed to make room for new ones.", labels, counters.gave_way);
  readings.counter(own("http_accept_failures_total"),
                   "Connections that could not be accepted, usually for lack of file descriptors.",
                   labels, counters.accept_failures);
  readings.counter(own("http_requests_total"), "Requests whose header was read.", labels,
                   counters.requests);
  readings.counter(own("http_handler_failures_total"), "Requests answered 500, because of a bug.",
                   labels, counters.handler_failures);
  const auto refused = [&](const char* limit, const std::atomic<std::uint64_t>& value) {
    readings.counter(own("http_refusals_total"), "Requests and connections rejected, by limit.",
                     {{"server", server}, {"limit", limit}}, value);
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
  readings.counter(own("tls_handshake_failures_total"), "TLS handshakes that failed.", labels,
                   counters.tls_handshake_failures);
  readings.counter(own("tls_reloads_total"), "Changed certificates that were loaded.", labels,
                   counters.tls_reloads);
  readings.counter(own("tls_reload_failures_total"),
                   "Changed certificates that cannot be used; the old one is kept.", labels,
                   counters.tls_reload_failures);
}

void add_certificate_metrics(metrics::Readings& readings,
                             std::function<std::optional<clock::Wall::time_point>()> expiry) {
  readings.gauge(own("tls_certificate_expiry_timestamp_seconds"),
                 "When the webhook port's certificate expires, in Unix time.", {},
                 [expiry = std::move(expiry)] {
                   const auto time = expiry();
                   return time ? metrics::seconds(time->time_since_epoch()) : metrics::kNoValue;
                 });
}

}  // namespace receiver::http
