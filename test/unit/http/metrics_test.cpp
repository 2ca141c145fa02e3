#include "http/metrics.h"

#include <optional>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/shows.h"

namespace receiver::http {

using test::descriptions;
using test::shows;

namespace {

using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("two listeners share the families of their metrics") {
  ServerCounters webhook;
  ServerCounters own;
  metrics::Readings readings;
  add_metrics(readings, "webhook", webhook);
  add_metrics(readings, "metrics", own);
  webhook.connections_current = 7;
  own.refused_header_time = 1;
  webhook.refused_requests = 2;
  const std::string text = readings.render();
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
  ServerCounters counters;
  metrics::Readings readings;
  add_metrics(readings, "webhook", counters);
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
  CHECK_THAT(readings.render(), refused("header_bytes", 11) && refused("header_time", 12) &&
                                    refused("body_bytes", 13) && refused("body_time", 14) &&
                                    refused("bodies_bytes", 15) && refused("idle_time", 16) &&
                                    refused("requests", 17) && refused("connections", 18) &&
                                    refused("malformed", 19));
}

TEST_CASE("what becomes of handshakes and changed certificates is shown") {
  ServerCounters counters;
  metrics::Readings readings;
  add_metrics(readings, "webhook", counters);
  counters.tls_handshake_failures = 21;
  counters.tls_reloads = 22;
  counters.tls_reload_failures = 23;
  CHECK_THAT(readings.render(),
             shows(R"(bitbucket_receiver_tls_handshake_failures_total{server="webhook"} 21)") &&
                 shows(R"(bitbucket_receiver_tls_reloads_total{server="webhook"} 22)") &&
                 shows(R"(bitbucket_receiver_tls_reload_failures_total{server="webhook"} 23)"));
}

TEST_CASE("a certificate's expiry is shown if there is one") {
  std::optional<clock::Wall::time_point> expiry;
  metrics::Readings readings;
  add_certificate_metrics(readings, [&expiry] { return expiry; });
  CHECK_THAT(readings.render(), !Contains("certificate"));
  expiry = clock::Wall::from_time_t(1'767'225'600);
  CHECK_THAT(readings.render(),
             shows("bitbucket_receiver_tls_certificate_expiry_timestamp_seconds 1767225600"));
}

TEST_CASE("/metrics says what is counted of listeners") {
  ServerCounters counters;
  metrics::Readings readings;
  add_metrics(readings, "webhook", counters);
  add_certificate_metrics(readings, [] { return clock::Wall::now(); });
  CHECK(descriptions(readings.render()) == R"(bitbucket_receiver_http_connections Open connections.
bitbucket_receiver_http_requests_in_flight Requests being read or answered.
bitbucket_receiver_http_body_bytes Bytes of bodies held.
bitbucket_receiver_http_connections_accepted_total Connections accepted.
bitbucket_receiver_http_connections_gave_way_total Idle connections closed to make room for new ones.
bitbucket_receiver_http_accept_failures_total Connections that could not be accepted, usually for lack of file descriptors.
bitbucket_receiver_http_requests_total Requests whose header was read.
bitbucket_receiver_http_handler_failures_total Requests answered 500, because of a bug.
bitbucket_receiver_http_refusals_total Requests and connections rejected, by limit.
bitbucket_receiver_tls_handshake_failures_total TLS handshakes that failed.
bitbucket_receiver_tls_reloads_total Changed certificates that were loaded.
bitbucket_receiver_tls_reload_failures_total Changed certificates that cannot be used; the old one is kept.
bitbucket_receiver_tls_certificate_expiry_timestamp_seconds When the webhook port's certificate expires, in Unix time.
)");
}

}  // namespace receiver::http
