#include "cmd/bitbucket-receiver/health.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>

#include "metrics/metrics.h"

namespace receiver {
namespace {

http::Response answer(unsigned status, std::string body,
                      std::string content_type = "text/plain; charset=utf-8") {
  return {.status = status,
          .headers = {{"Content-Type", std::move(content_type)},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Cache-Control", "no-store"}},
          .body = std::move(body)};
}

/// `?verbose`, `?verbose=1`, `?a&verbose`.
bool asks_for_details(const http::RequestHead& head) {
  std::string_view query = std::string_view(head.target).substr(head.path().size());
  while (!query.empty()) {
    query.remove_prefix(1);
    const std::string_view parameter = query.substr(0, query.find('&'));
    if (parameter.substr(0, parameter.find('=')) == "verbose") return true;
    query.remove_prefix(parameter.size());
  }
  return false;
}

std::string line_of(const HealthCheck& check) {
  std::string line = check.ok ? "[+]" + check.name + " ok" : "[-]" + check.name;
  if (!check.why.empty()) line += ": " + check.why;
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line + "\n";
}

http::Response verdict(const std::vector<HealthCheck>& checks, bool details,
                       std::string_view well) {
  const bool ok =
      std::all_of(checks.begin(), checks.end(), [](const HealthCheck& check) { return check.ok; });
  std::string body;
  if (details || !ok) {
    for (const HealthCheck& check : checks) body += line_of(check);
  }
  body.append(ok ? "" : "not ").append(well).append("\n");
  return answer(ok ? 200 : 503, std::move(body));
}

http::Response respond(const HealthOptions& options, const http::RequestHead& head) {
  const std::string_view path = head.path();
  const bool known = path == "/metrics" || path == "/livez" || path == "/readyz";
  if (!known) return answer(404, "not found: there are /metrics, /livez and /readyz\n");
  if (head.method != "GET" && head.method != "HEAD") {
    http::Response refusal = answer(405, "method not allowed: GET or HEAD\n");
    refusal.headers.add("Allow", "GET, HEAD");
    return refusal;
  }
  if (path == "/metrics") return answer(200, options.metrics(), metrics::kContentType);
  const bool details = asks_for_details(head);
  if (path == "/livez") return verdict(options.liveness(), details, "live");
  return verdict(options.readiness(), details, "ready");
}

}  // namespace

HealthCheck kind_check(std::string plural, const kube::ReflectorStatus& status) {
  const bool settled = status.settled != kube::ReflectorStatus::Settled::kNotYet;
  return {std::move(plural), settled, settled ? status.refusal : "not listed yet"};
}

http::Handler health_handler(HealthOptions options) {
  return [shared = std::make_shared<const HealthOptions>(std::move(options))](
             const http::RequestHead& head,
             http::BodyReader&) -> boost::asio::awaitable<http::Response> {
    co_return respond(*shared, head);
  };
}

}  // namespace receiver
