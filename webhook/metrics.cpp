#include "webhook/metrics.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace receiver::webhook {

using metrics::own;

namespace {

/// Up to Bitbucket's timeout.
const metrics::Buckets kAnswerSeconds{0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                      0.5,    1,     2.5,  5,     8,    10};
/// Up to the time limit of a question.
const metrics::Buckets kQuestionSeconds{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5};
/// Receivers come and go as long as the process lives. Further series are not shown.
constexpr std::size_t kMaxAuthenticationSeries = 30'000;

std::function<void(bitbucket::Source, std::chrono::nanoseconds)> duration_observer(
    metrics::HistogramFamily& family, const std::string& label, const metrics::Buckets& buckets) {
  const auto of = [&](bitbucket::Source source) {
    return &family.Add({{label, std::string(bitbucket::source_name(source))}}, buckets);
  };
  auto* const cloud = of(bitbucket::Source::kCloud);
  auto* const data_center = of(bitbucket::Source::kDataCenter);
  return [cloud, data_center](bitbucket::Source source, std::chrono::nanoseconds took) {
    (source == bitbucket::Source::kCloud ? cloud : data_center)->Observe(metrics::seconds(took));
  };
}

}  // namespace

std::function<void(bitbucket::Source, std::chrono::nanoseconds)> answer_observer(
    metrics::Readings& readings) {
  return duration_observer(
      readings.histogram_family(own("delivery_duration_seconds"),
                                "Time from a delivery's first byte to its answer."),
      "source", kAnswerSeconds);
}

Inquirer::Asked question_observer(metrics::Readings& readings) {
  return duration_observer(
      readings.histogram_family(own("bitbucket_question_duration_seconds"),
                                "Time that Bitbucket's REST API took to answer a question."),
      "product", kQuestionSeconds);
}

AuthenticationObserver authentication_observer(metrics::Readings& readings) {
  auto& results = readings.counter_family(own("authentications_total"),
                                          "Signature checks, by receiver and result.");
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
                       "Requests to the webhook port, by source, event and outcome.",
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
                   "Deliveries signed with secret.previous.", {}, counters.previous_secret);
  readings.counter(own("refreshes_spared_total"),
                   "Warehouses that a push did not refresh, because it changes none of their "
                   "files, or not the default branch.",
                   {}, counters.spared);
}

void add_metrics(metrics::Readings& readings, const LateTargetCounters& counters) {
  readings.counter(
      own("late_refreshes_total"),
      "Objects that appeared after a delivery that names them, and were refreshed then.", {},
      counters.refreshes);
  readings.gauge(
      own("recent_deliveries"),
      "Deliveries remembered for objects that have not appeared yet; equal ones count once.", {},
      counters.remembered_current);
  readings.counter(own("recent_deliveries_dropped_total"),
                   "Deliveries forgotten early because too many are remembered.", {},
                   counters.dropped);
}

void add_metrics(metrics::Readings& readings, const InquirerCounters& counters) {
  for (const auto source : {bitbucket::Source::kCloud, bitbucket::Source::kDataCenter}) {
    const auto& results =
        source == bitbucket::Source::kCloud ? counters.cloud : counters.data_center;
    for (std::size_t result = 0; result < results.size(); ++result) {
      readings.counter(own("bitbucket_questions_total"),
                       "Questions to Bitbucket's REST API, by result.",
                       {{"product", std::string(bitbucket::source_name(source))},
                        {"result", std::string(kQuestionResults.at(result))}},
                       results.at(result));
    }
  }
  const auto unasked = [&](std::string_view why, const std::atomic<std::uint64_t>& count) {
    readings.counter(own("bitbucket_questions_unasked_total"),
                     "Questions that caused no request: cached, shared with another delivery, or "
                     "skipped after a rejection or at a limit.",
                     {{"why", std::string(why)}}, count);
  };
  unasked("cached", counters.from_cache);
  unasked("shared", counters.shared);
  unasked("skipped", counters.not_asked);
  readings.gauge(own("bitbucket_cache_bytes"), "Size of Bitbucket's cached answers.", {},
                 counters.cache_bytes);
}

}  // namespace receiver::webhook
