#pragma once

#include <functional>
#include <string>
#include <vector>

#include "http/server.h"

namespace receiver {

/// One thing that readiness depends on.
struct ReadinessCheck {
  std::string name;
  bool ok = false;
  std::string why;  ///< not ok: why not; ok: what is missing all the same, if anything
};

struct HealthOptions {
  std::function<std::vector<ReadinessCheck>()> readiness;
  std::function<std::string()> metrics;  ///< Prometheus' text format
};

/// Answers on the metrics port: `/metrics`, `/livez` (200 as long as it answers at all) and
/// `/readyz` (503 unless every check is ok; the checks, one per line, then and with `?verbose`).
/// The functions are called on the thread that serves the request.
[[nodiscard]] http::Handler health_handler(HealthOptions options);

}  // namespace receiver
