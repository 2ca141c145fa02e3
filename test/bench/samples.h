#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace receiver::bench {

/// Durations of one round.
class Samples {
 public:
  void add(std::chrono::nanoseconds duration) { durations_.push_back(duration); }
  [[nodiscard]] std::size_t size() const { return durations_.size(); }
  /// The smallest that `share` (0 to 1) of the samples do not exceed; zero without samples.
  [[nodiscard]] std::chrono::nanoseconds percentile(double share) const;

 private:
  std::vector<std::chrono::nanoseconds> durations_;
};

/// Of an even number the mean of the two in the middle; zero of none.
[[nodiscard]] double median(std::vector<double> values);

/// What was measured against what it may be: one line of the table at the end.
struct Ratio {
  std::string what;
  std::vector<double> rounds;
  double at_most;

  [[nodiscard]] double value() const { return median(rounds); }
  [[nodiscard]] bool met() const { return !rounds.empty() && value() <= at_most; }
};

[[nodiscard]] std::string table(const std::vector<Ratio>& ratios);

}  // namespace receiver::bench
