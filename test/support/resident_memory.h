#pragma once

#include <fstream>
#include <unistd.h>

namespace receiver::test {

/// What this process holds in memory now. Of instrumented builds it says nothing.
inline long resident_kb() {
  std::ifstream statm("/proc/self/statm");
  long pages = 0;
  statm >> pages >> pages;
  return pages * (::sysconf(_SC_PAGESIZE) / 1024);
}

}  // namespace receiver::test
