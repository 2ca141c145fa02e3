#include "test/bench/samples.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace receiver::bench {

std::chrono::nanoseconds Samples::percentile(double share) const {
  if (durations_.empty()) return std::chrono::nanoseconds(0);
  auto sorted = durations_;
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  const auto index = std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(rank) - 1, 0,
                                                static_cast<std::ptrdiff_t>(sorted.size()) - 1);
  std::nth_element(sorted.begin(), sorted.begin() + index, sorted.end());
  return sorted[static_cast<std::size_t>(index)];
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::string table(const std::vector<Ratio>& ratios) {
  std::string text = fmt::format("| {:<72} | ratio | target | rounds |  |\n|---|---|---|---|---|\n",
                                 "what, median of the rounds");
  for (const Ratio& ratio : ratios) {
    std::string rounds;
    for (const double round : ratio.rounds) rounds += fmt::format(" {:.2f}", round);
    text += fmt::format("| {:<72} | {:.2f} | ≤ {:.2f} |{} | {} |\n", ratio.what, ratio.value(),
                        ratio.at_most, rounds, ratio.met() ? "met" : "MISSED");
  }
  return text;
}

}  // namespace receiver::bench
