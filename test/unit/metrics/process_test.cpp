#include <chrono>
#include <fcntl.h>
#include <latch>
#include <map>
#include <string>
#include <thread>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "metrics/metrics.h"

namespace receiver::metrics {
namespace {

std::map<std::string, double> measured() {
  Readings readings;
  add_process_metrics(readings);
  std::map<std::string, double> values;
  for (const auto& family : readings.collect()) {
    const auto& metric = family.metric.at(0);
    values[family.name] =
        family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value;
  }
  return values;
}

}  // namespace

TEST_CASE("everything about the process can be read, and is plausible") {
  const auto values = measured();
  REQUIRE(values.size() == 7);
  CHECK(values.at("process_resident_memory_bytes") > 1e6);
  CHECK(values.at("process_virtual_memory_bytes") >= values.at("process_resident_memory_bytes"));
  CHECK(values.at("process_max_fds") >= values.at("process_open_fds"));
  const auto now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  CHECK(values.at("process_start_time_seconds") <= now + 2);
  CHECK(values.at("process_start_time_seconds") > now - 24 * 3600);
}

TEST_CASE("descriptors are counted as they open and close") {
  double before = 0;
  for (int number = 0; number < 1024; ++number) before += ::fcntl(number, F_GETFD) >= 0 ? 1 : 0;
  CHECK(measured().at("process_open_fds") == before);
  const int descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(descriptor >= 0);
  CHECK(measured().at("process_open_fds") == before + 1);
  ::close(descriptor);
  CHECK(measured().at("process_open_fds") == before);
}

TEST_CASE("threads are counted as they start and end") {
  std::thread([] {}).join();  // with the first thread, TSan starts another
  const double before = measured().at("process_threads");
  std::latch counted(1);
  std::thread thread([&counted] { counted.wait(); });
  CHECK(measured().at("process_threads") == before + 1);
  counted.count_down();
  thread.join();
}

TEST_CASE("CPU time grows with work") {
  const double before = measured().at("process_cpu_seconds_total");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (measured().at("process_cpu_seconds_total") < before + 0.01) {
    REQUIRE(std::chrono::steady_clock::now() < end);
  }
}

}  // namespace receiver::metrics
