#include "metrics/metrics.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include <prometheus/check_names.h>
#include <prometheus/text_serializer.h>

namespace receiver::metrics {

std::string own(std::string_view name) {
  return std::string("bitbucket_receiver_").append(name);
}

void Readings::counter(const std::string& name, const std::string& help, const Labels& labels,
                       Read read) {
  if (!name.ends_with("_total")) {
    throw std::invalid_argument("counter " + name + ": the name must end in _total");
  }
  add(prometheus::MetricType::Counter, name, help, labels, std::move(read));
}

void Readings::gauge(const std::string& name, const std::string& help, const Labels& labels,
                     Read read) {
  add(prometheus::MetricType::Gauge, name, help, labels, std::move(read));
}

void Readings::add(prometheus::MetricType type, const std::string& name, const std::string& help,
                   const Labels& labels, Read read) {
  if (!prometheus::CheckMetricName(name)) throw std::invalid_argument("bad metric name " + name);
  Sample sample{.labels = {}, .read = std::move(read)};
  for (const auto& [label, value] : labels) {
    if (!prometheus::CheckLabelName(label)) throw std::invalid_argument("bad label name " + label);
    sample.labels.push_back({label, value});
  }
  auto family = std::find_if(families_.begin(), families_.end(),
                             [&name](const Family& known) { return known.name == name; });
  if (family == families_.end()) family = families_.insert(family, Family{name, help, type, {}});
  const bool twice =
      std::any_of(family->samples.begin(), family->samples.end(),
                  [&sample](const Sample& known) { return known.labels == sample.labels; });
  if (family->type != type || twice) {
    throw std::invalid_argument("metric " + name + " is there already");
  }
  family->samples.push_back(std::move(sample));
}

CounterFamily& Readings::counter_family(const std::string& name, const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
}

HistogramFamily& Readings::histogram_family(const std::string& name, const std::string& help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry_);
}

std::vector<prometheus::MetricFamily> Readings::collect() const {
  std::vector<prometheus::MetricFamily> collected =
      registry_.Collect();  // metrics that are counted here
  for (const Family& family : families_) {
    prometheus::MetricFamily shown{family.name, family.help, family.type, {}};
    for (const Sample& sample : family.samples) {
      const double value = sample.read();
      if (std::isnan(value)) continue;
      prometheus::ClientMetric& metric = shown.metric.emplace_back();
      metric.label = sample.labels;
      if (family.type == prometheus::MetricType::Counter) {
        metric.counter.value = value;
      } else {
        metric.gauge.value = value;
      }
    }
    if (!shown.metric.empty()) collected.push_back(std::move(shown));
  }
  return collected;
}

std::string Readings::render() const {
  return prometheus::TextSerializer().Serialize(collect());
}

}  // namespace receiver::metrics
