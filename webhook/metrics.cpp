#include "webhook/metrics.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace receiver::webhook {

using metrics::own;

namespace {

/// To where Bitbucket gives up.
const metrics::Buckets kAnswerSeconds{0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                      0.5,    1,     2.5,  5,     8,    10};
/// Receivers come and go as long as the process lives; what comes beyond is not shown.
constexpr std::size_t kMaxAuthenticationSeries = 30'000;

}  // namespace

std::function<void(bitbucket::Source, std::chrono::nanoseconds)> answer_observer(
    metrics::Readings& readings) {
  auto& family = readings.histogram_family(own("delivery_duration_seconds"),
                                           "Time from a delivery's first byte to its answer.");
  const auto of = [&family](bitbucket::Source source) {
    return &family.Add({{"source", std::string(bitbucket::source_name(source))}}, kAnswerSeconds);
  };
  auto* const cloud = of(bitbucket::Source::kCloud);
  auto* const data_center = of(bitbucket::Source::kDataCenter);
  return [cloud, data_center](bitbucket::Source source, std::chrono::nanoseconds took) {
    (source == bitbucket::Source::kCloud ? cloud : data_center)->Observe(metrics::seconds(took));
  };
}

AuthenticationObserver authentication_observer(metrics::Readings& readings) {
  auto& results = readings.counter_family(
      own("authentications_total"),
      "Whether senders had the receiver's key: accepted, or what was wrong.");
  return [&results, series = std::make_shared<std::atomic<std::size_t>>(0)](
             const std::string& project, const std::string& receiver, std::string_view result) {
    const metrics::Labels labels{
        {"project", project}, {"receiver", receiver}, {"result", std::string(result)}};
    if (!results.Has(labels) && ++*series > kMaxAuthenticationSeries) return;
    results.Add(labels).Increment();
  };
}

void add_metrics(metrics::Readings& readings, const DeliveryCounters& counters) {
  using Counters = DeliveryCounters;
  for (std::size_t outcome = 0; outcome < kOutcomes; ++outcome) {
    const auto show = [&](std::string_view source, std::string_view event, std::size_t index) {
      readings.counter(own("deliveries_total"),
                       "Requests to the webhook port, by the event named and how they ended.",
                       {{"source", std::string(source)},
                        {"event", std::string(event)},
                        {"outcome", std::string(outcome_name(static_cast<Outcome>(outcome)))}},
                       counters.counts.at(outcome).at(index));
    };
    for (std::size_t index = 0; index < Counters::kPing; ++index) {
      const bitbucket::Event& event = bitbucket::kEvents.at(index);
      show(bitbucket::source_name(event.kind.source), event.key, index);
    }
    show(bitbucket::source_name(bitbucket::Source::kDataCenter), bitbucket::kPingEvent,
         Counters::kPing);
    show("unknown", "other", Counters::kOther);
  }
  readings.counter(own("previous_secret_deliveries_total"),
                   "Deliveries signed with a secret that is being replaced.", {},
                   counters.previous_secret);
}

void add_metrics(metrics::Readings& readings, const LateTargetCounters& counters) {
  readings.counter(own("late_refreshes_total"),
                   "Objects refreshed because they were seen after a delivery that names them.", {},
                   counters.refreshes);
  readings.gauge(own("recent_deliveries"),
                 "Deliveries remembered for objects that are not seen yet; equal ones count once.",
                 {}, counters.remembered_current);
  readings.counter(own("recent_deliveries_dropped_total"),
                   "Deliveries forgotten early because too many are remembered.", {},
                   counters.dropped);
}

}  // namespace receiver::webhook
