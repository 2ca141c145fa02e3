#include "clock/clock.h"

#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace receiver::clock {

using namespace std::chrono_literals;

namespace {

// 2026-01-02T03:04:05Z
const Wall::time_point kInstant{std::chrono::seconds(1767323045)};

}  // namespace

TEST_CASE("an instant is written in UTC with as many digits as its reader wants") {
  const auto time = kInstant + 678'901'234ns;
  CHECK(format_seconds(time) == "2026-01-02T03:04:05Z");
  CHECK(format_millis(time) == "2026-01-02T03:04:05.678Z");
  CHECK(format_micros(time) == "2026-01-02T03:04:05.678901Z");
  CHECK(format_nanos(time) == "2026-01-02T03:04:05.678901234Z");
  CHECK(format_micros(kInstant + 7us) == "2026-01-02T03:04:05.000007Z");
}

TEST_CASE("an instant before 1970 is written as the second it lies in") {
  const Wall::time_point time{-1ns};
  CHECK(format_seconds(time) == "1969-12-31T23:59:59Z");
  CHECK(format_nanos(time) == "1969-12-31T23:59:59.999999999Z");
}

TEST_CASE("RFC 3339 is read with any fraction and any offset") {
  struct Row {
    std::string text;
    Wall::time_point time;
  };
  const std::vector<Row> rows{
      {"2026-01-02T03:04:05Z", kInstant},
      {"2026-01-02t03:04:05z", kInstant},
      {"2026-01-02T03:04:05.5Z", kInstant + 500ms},
      {"2026-01-02T03:04:05.678901Z", kInstant + 678'901us},
      {"2026-01-02T03:04:05.678901234Z", kInstant + 678'901'234ns},
      {"2026-01-02T03:04:05.6789012349999999999999Z", kInstant + 678'901'234ns},
      {"2026-01-02T05:34:05+02:30", kInstant},
      {"2026-01-01T22:04:05-05:00", kInstant},
      {"2024-02-29T00:00:00Z", Wall::time_point(std::chrono::seconds(1709164800))},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    REQUIRE(parse_rfc3339(row.text).has_value());
    CHECK(*parse_rfc3339(row.text) == row.time);
  }
}

TEST_CASE("a time out of reach becomes the nearest that is within, wherever it comes from") {
  const Wall::time_point first{};
  const Wall::time_point last{9'223'372'035s};
  CHECK(format_seconds(last) == "2262-04-11T23:47:15Z");
  struct Row {
    const char* text;
    Wall::time_point time;
  };
  const std::vector<Row> rows{
      {"9999-12-31T23:59:59Z", last},
      {"9999-12-31T23:59:59-23:59", last},
      {"2262-04-11T23:47:16Z", last},
      {"2262-04-11T23:47:15Z", last},
      {"2262-04-11T23:47:14Z", last - 1s},
      {"2262-04-11T23:47:15.999999999Z", last + 999'999'999ns},
      {"1970-01-01T00:00:01Z", first + 1s},
      {"1970-01-01T00:00:00Z", first},
      {"1969-12-31T23:59:59Z", first},
      {"1970-01-01T00:00:00+01:00", first},
      {"0001-01-01T00:00:00Z", first},
      {"0000-01-01T00:00:00+23:59", first},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_rfc3339(row.text) == row.time);
  }
  CHECK(parse_http_date("Fri, 31 Dec 9999 23:59:59 GMT") == last);
  CHECK(parse_http_date("Sat, 01 Jan 1000 00:00:00 GMT") == first);
  CHECK(from_unix_seconds(std::numeric_limits<std::int64_t>::max()) == last);
  CHECK(from_unix_seconds(std::numeric_limits<std::int64_t>::min()) == first);
  std::tm fields{};
  fields.tm_year = 9999 - 1900;
  CHECK(from_utc(fields) == last);
  CHECK(last - first > 0s);
  CHECK(first - last < 0s);
}

TEST_CASE("what is written is read back exactly") {
  const auto time = kInstant + 678'901'234ns;
  CHECK(parse_rfc3339(format_nanos(time)) == time);
}

TEST_CASE("what is not RFC 3339 is refused") {
  for (const std::string text :
       {"", "now", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02 03:04:05Z",
        "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05Zx", "2026-13-02T03:04:05Z",
        "2026-02-29T03:04:05Z", "2026-01-02T24:04:05Z", "2026-01-02T03:60:05Z",
        "2026-01-02T03:04:60Z", "2026-01-02T03:04:05+2:00", "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+0200", "-026-01-02T03:04:05Z"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_rfc3339(text).has_value());
  }
}

TEST_CASE("durations are read as Go writes them") {
  struct Row {
    std::string text;
    std::chrono::nanoseconds duration;
  };
  const std::vector<Row> rows{
      {"8s", 8s},       {"1m30s", 90s},         {"1.5h", 90min},
      {"250ms", 250ms}, {"1h2m3s", 3723s},      {"0s", 0s},
      {"0.3s", 300ms},  {".5s", 500ms},         {"1.s", 1s},
      {"10us", 10us},   {"10\u00b5s", 10us},    {"10\u03bcs", 10us},
      {"7ns", 7ns},     {"2562047h", 2562047h}, {"1.000000001s", 1'000'000'001ns},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_duration(row.text) == row.duration);
  }
}

TEST_CASE("what is not a duration is refused") {
  for (const std::string text : {"", "8", "0", "s", ".s", "8 s", "-8s", "+8s", "8x", "1m30", "8S",
                                 "2562048h", "99999999999999999999s", "2562047h1h"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text).has_value());
  }
}

TEST_CASE("the date of an HTTP header field is read, and nothing else") {
  CHECK(parse_http_date("Fri, 02 Jan 2026 03:04:05 GMT") == kInstant);
  for (const char* text : {"", "now", "Fri, 02 Jan 2026 03:04:05", "Fri, 02 Jan 2026 GMT",
                           "Fri, 02 Jan 2026 03:04:05 GMT+1", "2026-01-02T03:04:05Z"}) {
    INFO(text);
    CHECK_FALSE(parse_http_date(text));
  }
}

TEST_CASE("Retry-After is a number of seconds or a date") {
  struct Row {
    std::string text;
    std::optional<std::chrono::nanoseconds> wait;
  };
  const std::vector<Row> rows{
      {"0", 0s},
      {"30", 30s},
      {"4294967295", 4'294'967'295s},
      {"4294967296", std::chrono::nanoseconds::max()},
      {"99999999999999999999", std::chrono::nanoseconds::max()},
      {"Fri, 02 Jan 2026 03:04:15 GMT", 10s},
      {"Fri, 02 Jan 2026 03:04:04 GMT", 0s},
      {"Fri, 02 Jan 1970 03:04:04 GMT", 0s},
      {"", std::nullopt},
      {"-1", std::nullopt},
      {"1.5", std::nullopt},
      {"soon", std::nullopt},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_retry_after(row.text, kInstant) == row.wait);
  }
}

}  // namespace receiver::clock
