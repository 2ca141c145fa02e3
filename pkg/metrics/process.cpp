#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

#include "metrics/metrics.h"

namespace receiver::metrics {
namespace {

/// The n-th number, counted from 1, of a file in /proc that contains numbers.
double number(std::istream& numbers, int n) {
  double value = kNoValue;
  while (n-- > 0 && numbers >> value) {
  }
  return numbers ? value : kNoValue;
}

/// A field of /proc/self/stat, counted from 1, as in proc(5).
double stat_field(int n) {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  // The second field, the program's name in parentheses, may contain blanks. The third is a letter.
  constexpr int kFirstNumber = 4;
  const auto name_end = line.rfind(") ");
  if (name_end == std::string::npos) return kNoValue;
  std::istringstream numbers(line.substr(name_end + 3));
  return number(numbers, n - kFirstNumber + 1);
}

double cpu_seconds() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return kNoValue;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double pages_of_statm(int n) {
  std::ifstream file("/proc/self/statm");
  return number(file, n) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double open_descriptors() {
  std::error_code error;
  const std::filesystem::directory_iterator entries("/proc/self/fd", error);
  if (error) return kNoValue;
  // Not counting the descriptor that reads the folder.
  return static_cast<double>(std::distance(begin(entries), end(entries)) - 1);
}

double most_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kNoValue;
  if (limit.rlim_cur == RLIM_INFINITY) return std::numeric_limits<double>::infinity();
  return static_cast<double>(limit.rlim_cur);
}

/// In Unix time.
double start_time() {
  constexpr int kStartTicks = 22;  // since the machine started
  std::ifstream file("/proc/stat");
  std::string word;
  double machine_started = kNoValue;
  while (file >> word) {
    if (word == "btime") {
      file >> machine_started;
      break;
    }
  }
  return machine_started + stat_field(kStartTicks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

void add_process_metrics(Readings& readings) {
  constexpr int kThreads = 20;
  readings.counter("process_cpu_seconds_total", "CPU time, user and system, in seconds.", {},
                   cpu_seconds);
  readings.gauge("process_resident_memory_bytes", "Resident memory.", {},
                 [] { return pages_of_statm(2); });
  readings.gauge("process_virtual_memory_bytes", "Virtual memory.", {},
                 [] { return pages_of_statm(1); });
  readings.gauge("process_open_fds", "Open file descriptors.", {}, open_descriptors);
  readings.gauge("process_max_fds", "Most file descriptors that may be open.", {},
                 most_descriptors);
  // Computed once: it does not change, but the machine's clock may.
  readings.gauge("process_start_time_seconds", "When the process started, in Unix time.", {},
                 [started = start_time()] { return started; });
  readings.gauge("process_threads", "Threads.", {}, [] { return stat_field(kThreads); });
}

}  // namespace receiver::metrics
