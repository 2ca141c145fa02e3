#pragma once

#include <functional>
#include <optional>
#include <string>

#include "clock/clock.h"
#include "http/server.h"
#include "metrics/metrics.h"

namespace receiver::http {

/// Adds the counts of the server with this ServerOptions::name. They must outlive the last
/// collection of `readings`.
void add_metrics(metrics::Readings& readings, const std::string& server,
                 const ServerCounters& counters);

/// When the certificate in use expires; nothing without TLS.
void add_certificate_metrics(metrics::Readings& readings,
                             std::function<std::optional<clock::Wall::time_point>()> expiry);

}  // namespace receiver::http
