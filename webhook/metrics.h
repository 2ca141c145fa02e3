#pragma once

#include <chrono>
#include <functional>

#include "metrics/metrics.h"
#include "webhook/delivery.h"
#include "webhook/inquirer.h"
#include "webhook/late_targets.h"
#include "webhook/outcome.h"

// `readings` outlive what observes, and what is added outlives their last collection.
namespace receiver::webhook {

/// For DeliveryOptions::answered.
[[nodiscard]] std::function<void(bitbucket::Source source, std::chrono::nanoseconds took)>
answer_observer(metrics::Readings& readings);
/// For DeliveryOptions::authenticated: counts by receiver and result, of a bounded number of
/// receivers.
[[nodiscard]] AuthenticationObserver authentication_observer(metrics::Readings& readings);

void add_metrics(metrics::Readings& readings, const DeliveryCounters& counters);
void add_metrics(metrics::Readings& readings, const LateTargetCounters& counters);

/// For an Inquirer: how long its questions took.
[[nodiscard]] Inquirer::Asked question_observer(metrics::Readings& readings);
void add_metrics(metrics::Readings& readings, const InquirerCounters& counters);

}  // namespace receiver::webhook
