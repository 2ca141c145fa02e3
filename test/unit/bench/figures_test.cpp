#include "test/bench/figures.h"

#include <sstream>

#include <catch2/catch.hpp>

namespace receiver::bench {
namespace {

using Bound = Figure::Bound;

Figure figure(Bound bound, double target, std::vector<double> ratios) {
  Figure made{"what", "ms", bound, target};
  for (const double ratio : ratios) made.rounds.push_back({ratio * 2, 2});
  return made;
}

}  // namespace

TEST_CASE("a figure is judged by the median of its rounds, or by the worst if it says so") {
  Figure at_most = figure(Bound::kAtMost, 1.15, {1.0, 1.1, 1.3});
  CHECK(at_most.ratio() == 1.1);
  CHECK(at_most.is_met());
  at_most.by_worst = true;
  CHECK(at_most.ratio() == 1.3);
  CHECK_FALSE(at_most.is_met());

  Figure at_least = figure(Bound::kAtLeast, 0.9, {0.8, 0.9, 1.0});
  CHECK(at_least.is_met());
  at_least.by_worst = true;
  CHECK(at_least.ratio() == 0.8);
  CHECK_FALSE(at_least.is_met());

  CHECK_FALSE(figure(Bound::kAtMost, 1, {}).is_met());
}

TEST_CASE("a short run passes if its best round is at most 40 % worse than what is committed") {
  const std::map<std::string, double> committed{{"what", 1.0}};
  CHECK(shortfall(figure(Bound::kAtMost, 1, {1.9, 1.39, 1.5}), committed).empty());
  CHECK(shortfall(figure(Bound::kAtMost, 1, {1.9, 1.41, 1.5}), committed) ==
        "worse than the committed results by more than 40 %: what: 1.41, committed 1.00");
  CHECK(shortfall(figure(Bound::kAtLeast, 1, {0.5, 1 / 1.39}), committed).empty());
  CHECK_FALSE(shortfall(figure(Bound::kAtLeast, 1, {0.5, 1 / 1.41}), committed).empty());
  CHECK(shortfall(figure(Bound::kAtMost, 1, {}), committed) == "not measured: what");
}

TEST_CASE("a figure over a limit, or one that is not committed, passes if its target is met") {
  Figure limited = figure(Bound::kAtMost, 1, {0.9, 0.9});
  limited.over_limit = true;
  CHECK(shortfall(limited, {{"what", 0.1}}).empty());
  limited.rounds = {{.ours = 1.1, .floor = 1}};
  CHECK(shortfall(limited, {{"what", 1.0}}) == "target missed: what");
  CHECK(shortfall(figure(Bound::kAtMost, 1, {0.9}), {}).empty());
  CHECK(shortfall(figure(Bound::kAtMost, 1, {1.1}), {}) == "target missed: what");
}

TEST_CASE("what is committed is read from the table that was written") {
  const Figure missed = figure(Bound::kAtMost, 1, {1.25});
  std::istringstream committed("# Results\n\n| what | ratio |\n|---|---|\n" +
                               table_lines({missed}) + "\n| senders | PATCHes |\n|---|---|\n");
  CHECK(ratios_of_table(committed) == std::map<std::string, double>{{"what", 1.25}});
}

TEST_CASE("a comparison with nothing is none") {
  std::istringstream nothing("# Results\n\n| what | ratio |\n|---|---|\n| what | fast |\n");
  CHECK_THROWS_WITH(ratios_of_table(nothing), "there are no results to compare with");
}

TEST_CASE("the smallest duration that a share of the samples does not exceed") {
  Samples samples;
  CHECK(samples.ms(0.5) == 0);
  for (const int ms : {4, 1, 3, 2}) samples.add(std::chrono::milliseconds(ms));
  CHECK(samples.ms(0) == 1);
  CHECK(samples.ms(0.5) == 2);
  CHECK(samples.ms(0.51) == 3);
  CHECK(samples.ms(1) == 4);
}

}  // namespace receiver::bench
