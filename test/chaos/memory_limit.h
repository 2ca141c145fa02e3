#pragma once

#include <cstddef>
#include <string>

#include "test/support/operator.h"

namespace receiver::chaos {

/// The chart's memory limit, in bytes.
[[nodiscard]] std::size_t memory_limit_of_chart();

/// A cgroup, of version 1 or 2, that kills its processes if they need more memory.
class MemoryLimit {
 public:
  explicit MemoryLimit(std::size_t bytes);
  ~MemoryLimit();
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

  /// Starts the operator inside.
  [[nodiscard]] test::Operator::Launcher launcher() const;
  /// The maximum so far, including the page cache.
  [[nodiscard]] std::size_t peak_bytes() const;

 private:
  bool unified_;
  std::string directory_;
};

}  // namespace receiver::chaos
