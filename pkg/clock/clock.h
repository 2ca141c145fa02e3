#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace receiver::clock {

/// Deadlines and durations are measured on this clock; it never jumps. Timers on it: clock::Timer.
struct Steady : std::chrono::steady_clock {
  [[nodiscard]] static time_point now();
};
/// What is shown to people and written to Kubernetes.
struct Wall : std::chrono::system_clock {
  [[nodiscard]] static time_point now();
};

/// What is told from outside, such as the end of a certificate in 9999, may be out of the reach of
/// 64 bits of nanoseconds: every conversion to a time goes through here, and gives the nearest time
/// from 1970 to 2262. Between two of those any difference can be taken.
[[nodiscard]] Wall::time_point from_unix_seconds(std::int64_t seconds);
/// The same of a date and time of day in UTC.
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
/// date. Not below zero; the longest time there is for a number beyond all bounds; nothing if the
/// text is neither. Bounds are the caller's.
[[nodiscard]] std::optional<std::chrono::nanoseconds> parse_retry_after(std::string_view text,
                                                                        Wall::time_point now);

/// Durations as Go writes them: "8s", "1m30s", "1.5h", "250ms". A bare number and a sign are
/// refused, and so is what 64 bits of nanoseconds cannot hold.
[[nodiscard]] std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

}  // namespace receiver::clock
