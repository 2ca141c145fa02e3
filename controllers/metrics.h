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

// `readings` outlive what observes, and what is added outlives their last collection.
namespace receiver::controllers {

/// For a Refresher: how long deliveries waited for their refreshes.
[[nodiscard]] Refresher::Applied refresh_observer(metrics::Readings& readings);
/// Its counters; `oldest_age` as Refresher::oldest_age().
void add_metrics(metrics::Readings& readings, const RefresherCounters& counters,
                 std::function<std::chrono::nanoseconds()> oldest_age);

void add_metrics(metrics::Readings& readings, const CatchUpCounters& counters);
void add_metrics(metrics::Readings& readings, const RouteTable& routes);
/// `states` as Registrar::states().
void add_metrics(metrics::Readings& readings, const RegistrarCounters& counters,
                 std::function<std::map<RegistrationSchedule::State, std::size_t>()> states);

void add_metrics(metrics::Readings& readings, const ReceiverControllerCounters& counters);
/// The same, and what it has and watches.
void add_metrics(metrics::Readings& readings, const ReceiverController& receivers, int workers);

}  // namespace receiver::controllers
