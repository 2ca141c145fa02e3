#pragma once

#include <functional>
#include <string>

#include "kube/controller.h"
#include "kube/reflector.h"
#include "kube/rest.h"
#include "kube/work_queue.h"
#include "metrics/metrics.h"

// Under the names of client-go and controller-runtime, as far as those have one. `readings` outlive
// what observes, and what is added outlives their last collection.
namespace receiver::kube {

/// For RestClient::create: counts requests by method and code, and how long they took.
[[nodiscard]] RequestObserver request_observer(metrics::Readings& readings);

/// For the Controller of that name.
[[nodiscard]] ReconcileObserver reconcile_observer(metrics::Readings& readings,
                                                   const std::string& controller);
/// Its queue.
void add_queue_metrics(metrics::Readings& readings, const std::string& controller,
                       const WorkQueue& queue, int workers);

/// The reflector of a kind (plural), or all of them together.
void add_reflector_metrics(metrics::Readings& readings, const std::string& kind,
                           const std::function<ReflectorStatus()>& status);

/// Whether this replica holds the Lease of that name.
void add_leader_metrics(metrics::Readings& readings, const std::string& lease,
                        std::function<bool()> leading);

}  // namespace receiver::kube
