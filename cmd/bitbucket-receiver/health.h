#pragma once

#include <functional>
#include <string>
#include <vector>

#include "http/server.h"
#include "kube/reflector.h"

namespace receiver {

/// One thing that liveness or readiness depends on.
struct HealthCheck {
  std::string name;
  bool ok = false;
  std::string why;  ///< not ok: why not; ok: what is missing all the same, if anything
};

/// A kind that is watched, by its plural: ok once it was listed, or is known not to be for this
/// account.
[[nodiscard]] HealthCheck kind_check(std::string plural, const kube::ReflectorStatus& status);

struct HealthOptions {
  std::function<std::vector<HealthCheck>()> liveness, readiness;
  std::function<std::string()> metrics;  ///< Prometheus' text format
};

/// Answers on the metrics port: `/metrics`, `/livez` and `/readyz`; the last two with 503 unless
/// every check is ok, and with the checks, one per line, then and with `?verbose`. The functions
/// are called on the thread that serves the request.
[[nodiscard]] http::Handler health_handler(HealthOptions options);

}  // namespace receiver
