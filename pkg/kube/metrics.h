#pragma once

#include <functional>
#include <string>

#include "kube/controller.h"
#include "kube/reflector.h"
#include "kube/rest.h"
#include "kube/work_queue.h"
#include "metrics/metrics.h"

// Uses the names of client-go and controller-runtime where they exist. `readings` must outlive the
// observers, and added objects must outlive its last collection.
namespace receiver::kube {

/// For RestClient::create: counts requests by method and code, and their durations.
[[nodiscard]] RequestObserver request_observer(metrics::Readings& readings);

/// For the Controller of that name.
[[nodiscard]] ReconcileObserver reconcile_observer(metrics::Readings& readings,
                                                   const std::string& controller);
/// Metrics of its queue.
void add_queue_metrics(metrics::Readings& readings, const std::string& controller,
                       const WorkQueue& queue, int workers);

/// Metrics of the reflector of a kind (plural), or of several together.
void add_reflector_metrics(metrics::Readings& readings, const std::string& kind,
                           const std::function<ReflectorStatus()>& status);

/// Whether this replica holds the Lease of that name.
void add_leader_metrics(metrics::Readings& readings, const std::string& lease,
                        std::function<bool()> leading);

}  // namespace receiver::kube
