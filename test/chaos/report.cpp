#include "test/chaos/report.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace receiver::chaos {
namespace {

constexpr const char* kHead =
    "| fault | deliveries | 2xx | 5xx | no answer | acknowledged and lost | applied after recovery "
    "| recovery | worst latency of unaffected | remark "
    "|\n|---|---|---|---|---|---|---|---|---|---|\n";

std::string& lines() {
  static std::string text;
  return text;
}

std::size_t count(const Row& row, unsigned lowest, unsigned highest) {
  return static_cast<std::size_t>(std::count_if(
      row.deliveries.begin(), row.deliveries.end(),
      [&](const SentDelivery& sent) { return sent.status >= lowest && sent.status <= highest; }));
}

std::string applied(const Kept& kept) {
  return fmt::format("{} of {}", kept.promised - kept.broken, kept.promised);
}

std::string line_of(const Row& row) {
  const std::string recovery =
      row.recovery ? fmt::format("{:.1f} s", std::chrono::duration<double>(*row.recovery).count())
                   : "";
  return fmt::format("| {} | {} | {} | {} | {} | {} of {} | {} | {} | {} ms | {} |\n", row.fault,
                     row.deliveries.size(), count(row, 200, 299), count(row, 500, 599),
                     count(row, 0, 0), row.findings.acknowledged.broken,
                     row.findings.acknowledged.promised, applied(row.findings.queued), recovery,
                     row.worst_unaffected.count(), row.remark);
}

class Table : public Catch::TestEventListenerBase {
 public:
  using TestEventListenerBase::TestEventListenerBase;

  void testRunEnded(const Catch::TestRunStats& /*stats*/) override {
    if (lines().empty()) return;
    std::cout << "\n" << kHead << lines() << std::flush;
    if (const char* file = std::getenv("CHAOS_TABLE"); file != nullptr) {
      std::ofstream(file) << kHead << lines();
    }
  }
};

CATCH_REGISTER_LISTENER(Table)

}  // namespace

void report(const Row& row) {
  const std::string line = line_of(row);
  std::cout << line << std::flush;
  lines() += line;
}

}  // namespace receiver::chaos
