#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>

#include "controllers/catch_up.h"
#include "controllers/receiver_controller.h"
#include "controllers/refresher.h"
#include "controllers/registrar.h"
#include "controllers/routes.h"
#include "metrics/metrics.h"

// `readings` must outlive the observers, and added objects must outlive its last collection.
namespace receiver::controllers {

/// For a Refresher: observes how long deliveries waited for their refreshes.
[[nodiscard]] Refresher::Applied refresh_observer(metrics::Readings& readings);
/// Adds its counters; for `oldest_age` see Refresher::oldest_age().
void add_metrics(metrics::Readings& readings, const RefresherCounters& counters,
                 std::function<std::chrono::nanoseconds()> oldest_age);

void add_metrics(metrics::Readings& readings, const CatchUpCounters& counters);
void add_metrics(metrics::Readings& readings, const RouteTable& routes);
/// For `states` see Registrar::states().
void add_metrics(metrics::Readings& readings, const RegistrarCounters& counters,
                 std::function<std::map<RegistrationSchedule::State, std::size_t>()> states);

void add_metrics(metrics::Readings& readings, const ReceiverControllerCounters& counters);
/// Adds its counters, receivers and watches.
void add_metrics(metrics::Readings& readings, const ReceiverController& receivers, int workers);

}  // namespace receiver::controllers
