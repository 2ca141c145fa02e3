#include "clock/clock.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <iomanip>
#include <locale>
#include <sstream>

#include <fmt/format.h>

#include "clock/time_source.h"
#include "text/ascii.h"

namespace receiver::clock {
namespace {

using std::chrono::nanoseconds;

std::atomic<TimeSource*> time_source = nullptr;

/// Formats whole seconds as 2026-01-02T03:04:05, without a zone.
std::string format_date_time(std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss of_day(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     of_day.hours().count(), of_day.minutes().count(), of_day.seconds().count());
}

template <typename Fraction>
std::string format_with_fraction(Wall::time_point time, int digits) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{}.{:0{}}Z", format_date_time(seconds),
                     std::chrono::floor<Fraction>(time - seconds).count(), digits);
}

/// Reads parts off the front of a text. A failed read leaves the text unchanged.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  [[nodiscard]] bool take(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }

  /// Exactly `count` digits.
  [[nodiscard]] std::optional<int> number(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    int value = 0;
    for (const char c : rest_.substr(0, count)) {
      if (!text::is_digit(c)) return std::nullopt;
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }

  /// All digits that follow, possibly none.
  [[nodiscard]] std::string_view digits() {
    std::size_t count = 0;
    while (count < rest_.size() && text::is_digit(rest_[count])) ++count;
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

 private:
  std::string_view rest_;
};

/// 0.DIGITS of `unit`, cut to whole nanoseconds. Digits after the eighteenth have no effect.
nanoseconds fraction_of(std::string_view digits, nanoseconds unit) {
  long double value = 0;
  long double scale = 1;
  for (const char c : digits.substr(0, 18)) {
    value = value * 10 + static_cast<long double>(c - '0');
    scale *= 10;
  }
  return nanoseconds(
      static_cast<std::int64_t>(value * static_cast<long double>(unit.count()) / scale));
}

/// `Z` or ±hh:mm: how far local time is ahead of UTC.
std::optional<std::chrono::minutes> take_offset(Scanner& scanner) {
  if (scanner.take("Z") || scanner.take("z")) return std::chrono::minutes(0);
  const bool ahead = scanner.take("+");
  if (!ahead && !scanner.take("-")) return std::nullopt;
  const auto hours = scanner.number(2);
  if (!hours || *hours > 23 || !scanner.take(":")) return std::nullopt;
  const auto minutes = scanner.number(2);
  if (!minutes || *minutes > 59) return std::nullopt;
  const std::chrono::minutes offset(*hours * 60 + *minutes);
  return ahead ? offset : -offset;
}

}  // namespace

Steady::time_point Steady::now() {
  const TimeSource* source = time_source;
  return source == nullptr ? std::chrono::steady_clock::now() : source->steady();
}

Wall::time_point Wall::now() {
  const TimeSource* source = time_source;
  return source == nullptr ? std::chrono::system_clock::now() : source->wall();
}

void set_time_source(TimeSource* source) {
  time_source = source;
}

Steady::duration sleep_at_most(Steady::duration due) {
  TimeSource* source = time_source;
  return source == nullptr ? due : source->sleep_at_most(due);
}

Wall::time_point from_unix_seconds(std::int64_t seconds) {
  // One second less than the maximum, so that a fraction can be added.
  constexpr std::int64_t kLast =
      std::chrono::floor<std::chrono::seconds>(nanoseconds::max()).count() - 1;
  return Wall::time_point(std::chrono::seconds(std::clamp(seconds, std::int64_t{0}, kLast)));
}

Wall::time_point from_utc(const std::tm& fields) {
  std::tm normalised = fields;
  return from_unix_seconds(timegm(&normalised));
}

std::string format_seconds(Wall::time_point time) {
  return format_date_time(std::chrono::floor<std::chrono::seconds>(time)) + "Z";
}

std::string format_millis(Wall::time_point time) {
  return format_with_fraction<std::chrono::milliseconds>(time, 3);
}

std::string format_micros(Wall::time_point time) {
  return format_with_fraction<std::chrono::microseconds>(time, 6);
}

std::string format_nanos(Wall::time_point time) {
  return format_with_fraction<nanoseconds>(time, 9);
}

std::optional<Wall::time_point> parse_rfc3339(std::string_view text) {
  Scanner scanner(text);
  const auto year = scanner.number(4);
  if (!year || !scanner.take("-")) return std::nullopt;
  const auto month = scanner.number(2);
  if (!month || !scanner.take("-")) return std::nullopt;
  const auto day = scanner.number(2);
  if (!day || !(scanner.take("T") || scanner.take("t"))) return std::nullopt;
  const auto hour = scanner.number(2);
  if (!hour || !scanner.take(":")) return std::nullopt;
  const auto minute = scanner.number(2);
  if (!minute || !scanner.take(":")) return std::nullopt;
  const auto second = scanner.number(2);
  if (!second) return std::nullopt;
  nanoseconds fraction{0};
  if (scanner.take(".")) {
    const std::string_view digits = scanner.digits();
    if (digits.empty()) return std::nullopt;
    fraction = fraction_of(digits, std::chrono::seconds(1));
  }
  const auto offset = take_offset(scanner);
  if (!offset || !scanner.at_end()) return std::nullopt;

  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const std::chrono::seconds since_epoch =
      std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(*hour) +
      std::chrono::minutes(*minute) + std::chrono::seconds(*second) - *offset;
  return from_unix_seconds(since_epoch.count()) + fraction;
}

std::optional<Wall::time_point> parse_http_date(std::string_view text) {
  // get_time accepts a text that ends too early.
  if (!text.ends_with(" GMT")) return std::nullopt;
  std::tm date{};
  std::istringstream stream{std::string(text)};
  stream.imbue(std::locale::classic());
  stream >> std::get_time(&date, "%a, %d %b %Y %H:%M:%S GMT");
  if (stream.fail()) return std::nullopt;
  return from_utc(date);
}

std::optional<nanoseconds> parse_retry_after(std::string_view text, Wall::time_point now) {
  if (text::is_number(text)) {
    const auto seconds = text::parse_number<std::uint32_t>(text);
    return seconds ? std::chrono::seconds(*seconds) : nanoseconds::max();
  }
  const auto date = parse_http_date(text);
  if (!date) return std::nullopt;
  return std::max<nanoseconds>(*date - now, nanoseconds::zero());
}

std::optional<nanoseconds> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    nanoseconds length;
  };
  using namespace std::chrono_literals;
  // A unit must come before a unit that it begins with.
  static constexpr std::array<Unit, 8> kUnits{{{"ns", 1ns},
                                               {"us", 1us},
                                               {"\u00b5s", 1us},
                                               {"\u03bcs", 1us},
                                               {"ms", 1ms},
                                               {"s", 1s},
                                               {"m", 1min},
                                               {"h", 1h}}};
  if (text.empty()) return std::nullopt;
  Scanner scanner(text);
  std::int64_t total = 0;
  while (!scanner.at_end()) {
    const std::string_view whole = scanner.digits();
    const std::string_view fraction = scanner.take(".") ? scanner.digits() : std::string_view();
    if (whole.empty() && fraction.empty()) return std::nullopt;
    const Unit* unit = nullptr;
    for (const Unit& candidate : kUnits) {
      if (scanner.take(candidate.name)) {
        unit = &candidate;
        break;
      }
    }
    if (unit == nullptr) return std::nullopt;

    std::int64_t count = 0;
    std::int64_t part = 0;
    for (const char c : whole) {
      if (__builtin_mul_overflow(count, 10, &count) ||
          __builtin_add_overflow(count, c - '0', &count)) {
        return std::nullopt;
      }
    }
    if (__builtin_mul_overflow(count, unit->length.count(), &part) ||
        __builtin_add_overflow(total, part, &total) ||
        __builtin_add_overflow(total, fraction_of(fraction, unit->length).count(), &total)) {
      return std::nullopt;
    }
  }
  return nanoseconds(total);
}

}  // namespace receiver::clock
