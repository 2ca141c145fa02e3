#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/labels.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

namespace receiver::metrics {

using Labels = prometheus::Labels;
using Buckets = prometheus::Histogram::BucketBoundaries;
using CounterFamily = prometheus::Family<prometheus::Counter>;
using HistogramFamily = prometheus::Family<prometheus::Histogram>;

/// Prefixes one of our own names. Names of client-go and of Prometheus clients have no prefix.
[[nodiscard]] std::string own(std::string_view name);

[[nodiscard]] inline double seconds(std::chrono::duration<double> duration) {
  return duration.count();
}

/// For a sample without a value: it is omitted.
inline constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();

/// Exports counts of other classes under Prometheus names. A sample is a function that is called at
/// collection, so nothing is counted twice. Metrics that no class counts are counted here. The
/// metrics.h of a room declares all its metrics.
///
/// All samples of one name form one family, in the order in which names were added. An invalid
/// name, a counter whose name does not end in `_total`, or a name used for two types is a
/// programming error: std::invalid_argument.
class Readings {
 public:
  /// A function, or a number, atomic or not. It must outlive the last collection.
  struct Read : std::function<double()> {
    using function::function;
    template <std::convertible_to<double> T>
    Read(const T& value) : function([&value] { return static_cast<double>(value); }) {}
    template <std::convertible_to<double> T>
    Read(const T&& value) = delete;
  };

  void counter(const std::string& name, const std::string& help, const Labels& labels, Read read);
  void gauge(const std::string& name, const std::string& help, const Labels& labels, Read read);

  /// A family that is counted here, for labels that are not known in advance. The result lives as
  /// long as this object, and may be used from any thread.
  [[nodiscard]] CounterFamily& counter_family(const std::string& name, const std::string& help);
  [[nodiscard]] HistogramFamily& histogram_family(const std::string& name, const std::string& help);

  /// Calls every function, on this thread.
  [[nodiscard]] std::vector<prometheus::MetricFamily> collect() const;
  /// The same, in Prometheus' text format.
  [[nodiscard]] std::string render() const;

 private:
  struct Sample {
    std::vector<prometheus::ClientMetric::Label> labels;
    Read read;
  };
  struct Family {
    std::string name;
    std::string help;
    prometheus::MetricType type;
    std::vector<Sample> samples;
  };

  void add(prometheus::MetricType type, const std::string& name, const std::string& help,
           const Labels& labels, Read read);

  std::vector<Family> families_;
  prometheus::Registry registry_;  ///< metrics that are counted here
};

/// Metrics of this process, under the names that every Prometheus client uses:
/// `process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_virtual_memory_bytes`,
/// `process_open_fds`, `process_max_fds`, `process_start_time_seconds`, `process_threads`.
/// Unreadable ones are omitted.
void add_process_metrics(Readings& readings);

/// The Content-Type of Readings::render().
inline constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace receiver::metrics
