#pragma once

#include <chrono>
#include <functional>

#include "metrics/metrics.h"
#include "webhook/delivery.h"
#include "webhook/inquirer.h"
#include "webhook/late_targets.h"
#include "webhook/outcome.h"

// `readings` must outlive the observers, and added objects must outlive its last collection.
namespace receiver::webhook {

/// For DeliveryOptions::answered.
[[nodiscard]] std::function<void(bitbucket::Source source, std::chrono::nanoseconds took)>
answer_observer(metrics::Readings& readings);
/// For DeliveryOptions::authenticated: counts by receiver and result, for a limited number of
/// receivers.
[[nodiscard]] AuthenticationObserver authentication_observer(metrics::Readings& readings);

void add_metrics(metrics::Readings& readings, const DeliveryCounters& counters);
void add_metrics(metrics::Readings& readings, const LateTargetCounters& counters);

/// For an Inquirer: observes the time of its questions.
[[nodiscard]] Inquirer::Asked question_observer(metrics::Readings& readings);
void add_metrics(metrics::Readings& readings, const InquirerCounters& counters);

}  // namespace receiver::webhook
