#include "metrics/metrics.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <prometheus/check_names.h>
#include <prometheus/text_serializer.h>

namespace receiver::metrics {

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
    if (!prometheus::CheckLabelName(label)) {
      throw std::invalid_argument("bad label name " + label);
    }
    sample.labels.push_back({label, value});
  }
  auto family = std::find_if(families_.begin(), families_.end(),
                             [&name](const Family& known) { return known.name == name; });
  if (family == families_.end()) {
    family = families_.insert(family, Family{name, help, type, {}});
  }
  const bool twice =
      std::any_of(family->samples.begin(), family->samples.end(),
                  [&sample](const Sample& known) { return known.labels == sample.labels; });
  if (family->type != type || twice) {
    throw std::invalid_argument("metric " + name + " is there already");
  }
  family->samples.push_back(std::move(sample));
}

std::vector<prometheus::MetricFamily> Readings::Collect() const {
  std::vector<prometheus::MetricFamily> collected;
  collected.reserve(families_.size());
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

std::string render(std::initializer_list<const prometheus::Collectable*> sources) {
  std::vector<prometheus::MetricFamily> families;
  for (const prometheus::Collectable* source : sources) {
    auto collected = source->Collect();
    std::move(collected.begin(), collected.end(), std::back_inserter(families));
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  return std::move(text).str();
}

}  // namespace receiver::metrics
