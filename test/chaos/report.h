#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "test/chaos/invariant.h"

namespace receiver::chaos {

/// One line of the results.
struct Row {
  std::string fault;
  std::vector<SentDelivery> deliveries;
  Findings findings;
  std::optional<std::chrono::milliseconds>
      recovery{};  ///< since the end of the fault; nothing: no outage
  std::chrono::milliseconds worst_unaffected{0};
  std::string remark{};
};

/// Prints it, and keeps it for the table, which is printed at the end and written to the file
/// CHAOS_TABLE.
void report(const Row& row);

}  // namespace receiver::chaos
