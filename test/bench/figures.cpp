#include "test/bench/figures.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <istream>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

#include "test/support/median.h"

namespace receiver::bench {
namespace {

constexpr double kWorse = 1.4;

std::vector<double> ratios(const Figure& figure) {
  std::vector<double> values;
  for (const Figure::Round& round : figure.rounds) values.push_back(round.ratio());
  return values;
}

/// The value that counts of all rounds.
double judged(const Figure& figure, std::vector<double> values) {
  if (!figure.by_worst || values.empty()) return test::median(std::move(values));
  return figure.bound == Figure::Bound::kAtMost ? std::ranges::max(values)
                                                : std::ranges::min(values);
}

double judged(const Figure& figure, double Figure::Round::*side) {
  std::vector<double> values;
  for (const Figure::Round& round : figure.rounds) values.push_back(round.*side);
  return judged(figure, std::move(values));
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

/// Removes `| cell ` from the front of a line.
std::string_view next_cell(std::string_view& line) {
  if (!line.empty()) line.remove_prefix(1);
  const std::string_view cell = line.substr(0, line.find('|'));
  line.remove_prefix(cell.size());
  return trimmed(cell);
}

}  // namespace

double Samples::ms(double share) const {
  if (durations_.empty()) return 0;
  auto sorted = durations_;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  const std::size_t index = std::clamp<std::size_t>(rank, 1, sorted.size()) - 1;
  std::ranges::nth_element(sorted, sorted.begin() + static_cast<std::ptrdiff_t>(index));
  return std::chrono::duration<double, std::milli>(sorted[index]).count();
}

double Figure::ratio() const {
  return judged(*this, ratios(*this));
}

double Figure::best() const {
  const auto values = ratios(*this);
  if (values.empty()) return 0;
  return bound == Bound::kAtMost ? std::ranges::min(values) : std::ranges::max(values);
}

std::string table_lines(const std::vector<Figure>& figures) {
  std::string text;
  for (const Figure& figure : figures) {
    std::string rounds;
    for (const double ratio : ratios(figure)) rounds += fmt::format(" {:.2f}", ratio);
    text += fmt::format("| {} | {:.2f} | {} {:.2f} | {} | {:.5g} {} | {:.5g} {} |{} |\n",
                        figure.what, figure.ratio(),
                        figure.bound == Figure::Bound::kAtMost ? "≤" : "≥", figure.target,
                        figure.is_met() ? "met" : "MISSED", judged(figure, &Figure::Round::ours),
                        figure.unit, judged(figure, &Figure::Round::floor), figure.unit, rounds);
  }
  return text;
}

std::map<std::string, double> ratios_of_table(std::istream& text) {
  std::map<std::string, double> found;
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("| ")) continue;
    std::string_view rest = line;
    const std::string_view what = next_cell(rest);
    const std::string_view ratio = next_cell(rest);
    double value = 0;
    const auto parsed = std::from_chars(ratio.data(), ratio.data() + ratio.size(), value);
    if (parsed.ec == std::errc() && !ratio.empty()) found.emplace(what, value);
  }
  if (found.empty()) throw std::runtime_error("there are no results to compare with");
  return found;
}

std::string shortfall(const Figure& figure, const std::map<std::string, double>& committed) {
  if (figure.rounds.empty()) return "not measured: " + figure.what;
  const auto known = committed.find(figure.what);
  if (known == committed.end() || figure.over_limit) {
    return figure.is_met() ? "" : "target missed: " + figure.what;
  }
  const double limit =
      figure.bound == Figure::Bound::kAtMost ? known->second * kWorse : known->second / kWorse;
  if (figure.is_within(figure.best(), limit)) return {};
  return fmt::format(
      "worse than the committed results by more than 40 %: {}: {:.2f}, committed {:.2f}",
      figure.what, figure.best(), known->second);
}

}  // namespace receiver::bench
