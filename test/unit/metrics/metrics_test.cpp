#include "metrics/metrics.h"

#include <atomic>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include <catch2/catch.hpp>

namespace receiver::metrics {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::Equals;

}  // namespace

TEST_CASE("a counter shows what an atomic holds when it is asked") {
  std::atomic<std::uint64_t> requests{0};
  Readings readings;
  readings.counter("requests_total", "Requests.", {}, requests);
  requests = 41;
  CHECK(readings.render() ==
        "# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total 41\n");
  requests = 42;
  CHECK_THAT(readings.render(), Contains("\nrequests_total 42\n"));
}

TEST_CASE("a gauge may be negative and comes from any function") {
  std::atomic<std::int64_t> level{-3};
  Readings readings;
  readings.gauge("level", "Level.", {}, level);
  readings.gauge("half", "Half.", {}, [] { return 0.5; });
  CHECK(readings.render() ==
        "# HELP level Level.\n# TYPE level gauge\nlevel -3\n"
        "# HELP half Half.\n# TYPE half gauge\nhalf 0.5\n");
}

TEST_CASE("samples of one name form one family, wherever they were added") {
  Readings readings;
  readings.gauge("open", "Open.", {{"server", "a"}}, [] { return 1.0; });
  readings.gauge("other", "Other.", {}, [] { return 2.0; });
  readings.gauge("open", "Open.", {{"server", "b"}}, [] { return 3.0; });
  CHECK(readings.render() ==
        "# HELP open Open.\n# TYPE open gauge\nopen{server=\"a\"} 1\nopen{server=\"b\"} 3\n"
        "# HELP other Other.\n# TYPE other gauge\nother 2\n");
}

TEST_CASE("label values are escaped") {
  Readings readings;
  readings.gauge("x", "X.", {{"v", "a\"b\\c\nd"}}, [] { return 1.0; });
  CHECK_THAT(readings.render(), Contains(R"(x{v="a\"b\\c\nd"} 1)"));
}

TEST_CASE("what has no value now is left out, with its family if nothing else is in it") {
  double value = std::numeric_limits<double>::quiet_NaN();
  Readings readings;
  readings.gauge("expiry", "Expiry.", {}, [&value] { return value; });
  CHECK_THAT(readings.render(), Equals(""));
  value = 7;
  CHECK_THAT(readings.render(), Contains("\nexpiry 7\n"));
}

TEST_CASE("slips of the programmer are refused") {
  Readings readings;
  const auto one = [] { return 1.0; };
  readings.gauge("there", "There.", {{"a", "b"}}, one);
  readings.counter("there_total", "There.", {}, one);
  CHECK_THROWS_AS(readings.counter("requests", "No _total.", {}, one), std::invalid_argument);
  CHECK_THROWS_AS(readings.gauge("no name", "A blank.", {}, one), std::invalid_argument);
  CHECK_THROWS_AS(readings.gauge("x", "Bad label.", {{"a-b", ""}}, one), std::invalid_argument);
  CHECK_THROWS_AS(readings.gauge("there", "Twice.", {{"a", "b"}}, one), std::invalid_argument);
  CHECK_THROWS_AS(readings.gauge("there_total", "Two types.", {{"a", "b"}}, one),
                  std::invalid_argument);
}

TEST_CASE("what is counted here is rendered beside what is read") {
  Readings readings;
  readings.counter_family("seen_total", "Seen.").Add({}).Increment(5);
  readings.histogram_family("took_seconds", "Took.").Add({}, Buckets{1, 2}).Observe(1.5);
  readings.gauge("level", "Level.", {}, [] { return 1.0; });
  CHECK_THAT(readings.render(), Contains("\nlevel 1\n") && Contains("\nseen_total 5\n") &&
                                    Contains("\ntook_seconds_bucket{le=\"2\"} 1\n"));
}

TEST_CASE("our own names begin with the program's") {
  CHECK(own("level") == "bitbucket_receiver_level");
}

}  // namespace receiver::metrics
