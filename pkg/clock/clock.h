#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace receiver::clock {

/// The clock for deadlines and durations; it never jumps. Use clock::Timer to wait.
struct Steady : std::chrono::steady_clock {
  [[nodiscard]] static time_point now();
};
/// The clock for times that people read and that are written to Kubernetes.
struct Wall : std::chrono::system_clock {
  [[nodiscard]] static time_point now();
};

/// A time from outside, such as a certificate's end in 9999, may not fit into 64 bits of
/// nanoseconds. Every conversion to a time uses this function, which gives the nearest time from
/// 1970 to 2262. The difference of any two such times fits.
[[nodiscard]] Wall::time_point from_unix_seconds(std::int64_t seconds);
/// The same for a date and time of day in UTC.
[[nodiscard]] Wall::time_point from_utc(const std::tm& fields);

/// RFC 3339 in UTC: 2026-01-02T03:04:05Z.
[[nodiscard]] std::string format_seconds(Wall::time_point time);
/// RFC 3339 in UTC with three digits: 2026-01-02T03:04:05.678Z.
[[nodiscard]] std::string format_millis(Wall::time_point time);
/// RFC 3339 in UTC with six digits, the MicroTime of Kubernetes: 2026-01-02T03:04:05.678901Z.
[[nodiscard]] std::string format_micros(Wall::time_point time);
/// RFC 3339 in UTC with nine digits: 2026-01-02T03:04:05.678901234Z.
[[nodiscard]] std::string format_nanos(Wall::time_point time);
/// RFC 3339 with any number of fractional digits, Z or a numeric offset; nothing if malformed.
[[nodiscard]] std::optional<Wall::time_point> parse_rfc3339(std::string_view text);

/// The date of an HTTP header field: Tue, 15 Nov 1994 08:12:31 GMT; nothing if malformed.
[[nodiscard]] std::optional<Wall::time_point> parse_http_date(std::string_view text);

/// How long Retry-After (of any HTTP answer) asks to wait at `now`: a number of seconds, or until a
/// date. Never negative; the longest possible time for a number out of range; nothing if the text
/// is neither. The caller limits it.
[[nodiscard]] std::optional<std::chrono::nanoseconds> parse_retry_after(std::string_view text,
                                                                        Wall::time_point now);

/// Parses durations as Go writes them: "8s", "1m30s", "1.5h", "250ms". A bare number, a sign, and
/// values that do not fit into 64 bits of nanoseconds are errors.
[[nodiscard]] std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

}  // namespace receiver::clock
