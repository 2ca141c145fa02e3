#pragma once

#include <chrono>
#include <cstddef>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "test/support/median.h"

namespace receiver::bench {

/// Durations of one round.
class Samples {
 public:
  void add(std::chrono::nanoseconds duration) { durations_.push_back(duration); }
  void add(const Samples& others) {
    durations_.insert(durations_.end(), others.durations_.begin(), others.durations_.end());
  }
  [[nodiscard]] std::size_t size() const { return durations_.size(); }
  /// In milliseconds: the smallest value that `share` (0 to 1) of the samples do not exceed; zero
  /// without samples.
  [[nodiscard]] double ms(double share) const;

 private:
  std::vector<std::chrono::nanoseconds> durations_;
};

/// One line of the results: a measurement of several rounds, divided by its floor.
struct Figure {
  enum class Bound { kAtMost, kAtLeast };
  struct Round {
    double ours;
    double floor;
    [[nodiscard]] double ratio() const { return ours / floor; }
  };

  std::string what;
  std::string unit;
  Bound bound;
  double target;
  std::vector<Round> rounds{};
  bool by_worst = false;    ///< the worst round counts, not the median
  bool over_limit = false;  ///< the floor is given, not measured: only the target can judge

  [[nodiscard]] double ratio() const;
  [[nodiscard]] double best() const;
  [[nodiscard]] bool is_within(double value, double limit) const {
    return bound == Bound::kAtMost ? value <= limit : value >= limit;
  }
  [[nodiscard]] bool is_met() const { return !rounds.empty() && is_within(ratio(), target); }
};

/// The results of a scenario.
struct Report {
  std::vector<Figure> figures{};
  std::string growth{};  ///< Markdown: dependence on a size
};

/// The lines of a Markdown table, without its head.
[[nodiscard]] std::string table_lines(const std::vector<Figure>& figures);

/// The ratios of such a table anywhere in the text, by `what`. Throws if there are none.
[[nodiscard]] std::map<std::string, double> ratios_of_table(std::istream& text);

/// What is wrong with a short run's figure, empty if nothing: its best round is more than 40 %
/// worse than the committed one; or, for a given floor or without a committed ratio, it missed its
/// target.
[[nodiscard]] std::string shortfall(const Figure& figure,
                                    const std::map<std::string, double>& committed);

}  // namespace receiver::bench
