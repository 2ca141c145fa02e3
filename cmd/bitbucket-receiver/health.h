#pragma once

#include <functional>
#include <string>
#include <vector>

#include "http/server.h"
#include "kube/reflector.h"

namespace receiver {

/// One condition of liveness or readiness.
struct HealthCheck {
  std::string name;
  bool ok = false;
  std::string why;  ///< not ok: the reason; ok: what is missing nevertheless, if anything
};

/// The check of a watched kind, by its plural: ok once it was listed, or was rejected for a missing
/// kind or permission.
[[nodiscard]] HealthCheck kind_check(std::string plural, const kube::ReflectorStatus& status);

struct HealthOptions {
  std::function<std::vector<HealthCheck>()> liveness, readiness;
  std::function<std::string()> metrics;  ///< Prometheus' text format
};

/// Answers on the metrics port: `/metrics`, `/livez` and `/readyz`. The last two answer 503 unless
/// every check is ok. They list the checks, one per line, if one fails or with `?verbose`. The
/// functions are called on the thread that serves the request.
[[nodiscard]] http::Handler health_handler(HealthOptions options);

}  // namespace receiver
