#pragma once

#include <fstream>
#include <unistd.h>

namespace receiver::test {

/// This process's resident memory. Meaningless in instrumented builds.
inline long resident_kb() {
  std::ifstream statm("/proc/self/statm");
  long pages = 0;
  statm >> pages >> pages;
  return pages * (::sysconf(_SC_PAGESIZE) / 1024);
}

}  // namespace receiver::test
