#pragma once

#include <atomic>
#include <concepts>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/labels.h>
#include <prometheus/metric_family.h>

namespace receiver::metrics {

using Labels = prometheus::Labels;

/// Shows under Prometheus names what others count already: a sample is a function that is called
/// when somebody asks. So no room below needs to know Prometheus, and nothing is counted twice. A
/// sample that is NaN has no value now and is left out.
///
/// All samples of one name form one family, in the order in which names were added first. A bad
/// name, a counter whose name does not end in `_total`, or a name used for two types is a slip of
/// the programmer: std::invalid_argument.
class Readings final : public prometheus::Collectable {
 public:
  using Read = std::function<double()>;

  void counter(const std::string& name, const std::string& help, const Labels& labels, Read read);
  void gauge(const std::string& name, const std::string& help, const Labels& labels, Read read);

  /// `value` outlives the last collection.
  template <std::integral T>
  void counter(const std::string& name, const std::string& help, const Labels& labels,
               const std::atomic<T>& value) {
    counter(name, help, labels, read(value));
  }
  template <std::integral T>
  void gauge(const std::string& name, const std::string& help, const Labels& labels,
             const std::atomic<T>& value) {
    gauge(name, help, labels, read(value));
  }

  /// Calls every function, on this thread.
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

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

  template <std::integral T>
  static Read read(const std::atomic<T>& value) {
    return [&value] { return static_cast<double>(value.load(std::memory_order_relaxed)); };
  }
  void add(prometheus::MetricType type, const std::string& name, const std::string& help,
           const Labels& labels, Read read);

  std::vector<Family> families_;
};

/// Of this process, under the names that every Prometheus client uses: `process_cpu_seconds_total`,
/// `process_resident_memory_bytes`, `process_virtual_memory_bytes`, `process_open_fds`,
/// `process_max_fds`, `process_start_time_seconds`, `process_threads`. What cannot be read is left
/// out.
void add_process_metrics(Readings& readings);

/// The Content-Type of what render() returns.
inline constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

/// Prometheus' text format. The sources have no names in common.
[[nodiscard]] std::string render(std::initializer_list<const prometheus::Collectable*> sources);

}  // namespace receiver::metrics
