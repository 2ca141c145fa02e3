#include "kube/metrics.h"

#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

#include "clock/clock.h"

namespace receiver::kube {

using metrics::own;

namespace {

/// 5 ms to 30 s, the timeout of a request.
const metrics::Buckets kRequestSeconds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
/// The buckets of client-go's work queues.
const metrics::Buckets kQueueSeconds{1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 60, 300, 1000};

}  // namespace

RequestObserver request_observer(metrics::Readings& readings) {
  auto& requests = readings.counter_family(
      "rest_client_requests_total", "Requests to the API server, by method and status code.");
  auto& took = readings.histogram_family(
      "rest_client_request_duration_seconds",
      "Time from a request to the API server to its answer; for a watch, to the answer's header.");
  return
      [&requests, &took](std::string_view method, unsigned status, std::chrono::nanoseconds time) {
        // client-go's code for "no answer".
        std::string code = status == 0 ? "<error>" : std::to_string(status);
        requests.Add({{"method", std::string(method)}, {"code", std::move(code)}}).Increment();
        took.Add({{"verb", std::string(method)}}, kRequestSeconds).Observe(metrics::seconds(time));
      };
}

ReconcileObserver reconcile_observer(metrics::Readings& readings, const std::string& controller) {
  const metrics::Labels by_controller{{"controller", controller}};
  const metrics::Labels by_queue{{"controller", controller}, {"name", controller}};
  auto& total =
      readings.counter_family("controller_runtime_reconcile_total", "Reconciles, by result.");
  auto& errors = readings
                     .counter_family("controller_runtime_reconcile_errors_total",
                                     "Reconciles that failed and are retried.")
                     .Add(by_controller);
  auto& time = readings
                   .histogram_family("controller_runtime_reconcile_time_seconds",
                                     "Time that a reconcile took.")
                   .Add(by_controller, kRequestSeconds);
  auto& waited = readings
                     .histogram_family("workqueue_queue_duration_seconds",
                                       "Time that keys waited to be processed.")
                     .Add(by_queue, kQueueSeconds);
  auto& worked =
      readings
          .histogram_family("workqueue_work_duration_seconds", "Time that processing a key took.")
          .Add(by_queue, kQueueSeconds);
  for (const char* result : {"success", "requeue_after", "error"}) {
    total.Add({{"controller", controller}, {"result", result}});
  }
  return [&total, &errors, &time, &waited, &worked, controller](const Reconciled& one) {
    total.Add({{"controller", controller}, {"result", std::string(one.result)}}).Increment();
    if (one.result == "error") errors.Increment();
    time.Observe(metrics::seconds(one.worked));
    waited.Observe(metrics::seconds(one.waited));
    worked.Observe(metrics::seconds(one.worked));
  };
}

void add_queue_metrics(metrics::Readings& readings, const std::string& controller,
                       const WorkQueue& queue, int workers) {
  const metrics::Labels by_controller{{"controller", controller}};
  const metrics::Labels by_queue{{"controller", controller}, {"name", controller}};
  const auto count = [&queue](auto WorkQueue::*member) {
    return [&queue, member] { return static_cast<double>((queue.*member)()); };
  };
  const auto age = [&queue](WorkQueue::Time::duration (WorkQueue::*member)(WorkQueue::Time) const) {
    return [&queue, member] { return metrics::seconds((queue.*member)(clock::Steady::now())); };
  };
  readings.gauge("workqueue_depth", "Keys ready to be processed.", by_queue,
                 count(&WorkQueue::depth));
  readings.counter("workqueue_adds_total", "Additions of keys that were not waiting.", by_queue,
                   count(&WorkQueue::adds));
  readings.counter("workqueue_retries_total", "Failures that led to a retry.", by_queue,
                   count(&WorkQueue::retries));
  readings.gauge(own("workqueue_delayed"), "Keys that wait for a delay to pass.", by_queue,
                 count(&WorkQueue::delayed));
  readings.gauge("controller_runtime_active_workers", "Keys being processed.", by_controller,
                 count(&WorkQueue::in_progress));
  readings.gauge("controller_runtime_max_concurrent_reconciles",
                 "Maximum number of keys processed at the same time.", by_controller,
                 [workers] { return static_cast<double>(workers); });
  readings.gauge("workqueue_unfinished_work_seconds",
                 "Total time that the keys in progress have been processed.", by_queue,
                 age(&WorkQueue::unfinished_work));
  readings.gauge("workqueue_longest_running_processor_seconds",
                 "Time that the longest of them has been processed.", by_queue,
                 age(&WorkQueue::longest_work));
  readings.gauge(own("workqueue_failing"), "Keys whose last processing failed.", by_queue,
                 count(&WorkQueue::failing));
  readings.gauge(own("workqueue_oldest_age_seconds"), "Time that the oldest ready key has waited.",
                 by_queue, age(&WorkQueue::oldest_age));
}

void add_reflector_metrics(metrics::Readings& readings, const std::string& kind,
                           const std::function<ReflectorStatus()>& status) {
  using Status = ReflectorStatus;
  const metrics::Labels labels{{"kind", kind}};
  const auto settled = [&](Status::Settled as) {
    return [status, as] { return status().settled == as ? 1.0 : 0.0; };
  };
  readings.gauge(own("reflector_synced"), "1 if the kind has been read completely.", labels,
                 settled(Status::Settled::kSynced));
  readings.gauge(own("reflector_refused"), "1 if the kind, or the permission for it, is missing.",
                 labels, settled(Status::Settled::kRefused));
  const auto counter = [&](const char* name, const char* help, std::uint64_t Status::*count) {
    readings.counter(own(name), help, labels,
                     [status, count] { return static_cast<double>(status().*count); });
  };
  counter("reflector_lists_total", "Lists begun.", &Status::lists);
  counter("reflector_watches_total", "Watches begun.", &Status::watches);
  counter("reflector_events_total", "Watch events received.", &Status::events);
  counter("reflector_bad_objects_total", "Objects that could not be read.", &Status::bad_objects);
  counter("reflector_failures_total", "Lists and watches that failed.", &Status::failures);
  readings.gauge(own("reflector_silence_seconds"),
                 "Time since the API server sent anything about the kind.", labels, [status] {
                   const auto heard = status().last_heard;
                   if (heard == clock::Steady::time_point()) return metrics::kNoValue;
                   return metrics::seconds(clock::Steady::now() - heard);
                 });
}

void add_leader_metrics(metrics::Readings& readings, const std::string& lease,
                        std::function<bool()> leading) {
  readings.gauge("leader_election_master_status",
                 "1 in the replica that holds the Lease: it writes statuses and Events.",
                 {{"name", lease}},
                 [leading = std::move(leading)] { return leading() ? 1.0 : 0.0; });
}

}  // namespace receiver::kube
