#include "test/support/operator_process.h"

#include <filesystem>
#include <iterator>
#include <sstream>
#include <utility>

namespace receiver::test {
namespace {

unsigned short free_port_other_than(unsigned short taken) {
  unsigned short port = taken;
  while (port == taken) port = free_port();
  return port;
}

std::string origin_on(unsigned short port) {
  return "http://127.0.0.1:" + std::to_string(port);
}

Environment completed(Environment settings, const OperatorLaunch& launch, unsigned short port,
                      unsigned short metrics_port) {
  settings.merge(Environment{{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", origin_on(port)},
                             {"BIND_ADDRESS", "127.0.0.1"},
                             {"PORT", std::to_string(port)},
                             {"METRICS_PORT", std::to_string(metrics_port)},
                             {"KUBECONFIG", launch.kubeconfig},
                             // Short, because tests must not wait long after the signal.
                             {"GRACEFUL_SHUTDOWN_TIMEOUT", "5s"}});
  return settings;
}

std::vector<std::string> command_of(OperatorLaunch launch) {
  launch.launcher.push_back(std::move(launch.binary));
  return std::move(launch.launcher);
}

std::string in_proc(const Process& process, const char* name) {
  return "/proc/" + std::to_string(process.id()) + "/" + name;
}

}  // namespace

OperatorProcess::OperatorProcess(const OperatorLaunch& launch, Environment settings)
    : port_(free_port()),
      metrics_port_(free_port_other_than(port_)),
      process_(command_of(launch), completed(std::move(settings), launch, port_, metrics_port_),
               launch.log) {}

std::string OperatorProcess::origin() const {
  return origin_on(port_);
}

OperatorProcess::Footprint OperatorProcess::footprint() const {
  std::istringstream lines(read_file(in_proc(process_, "status")));
  Footprint footprint{};
  for (std::string line; std::getline(lines, line);) {
    const auto number = [&line] { return std::stoul(line.substr(line.find(':') + 1)); };
    if (line.starts_with("VmRSS:")) footprint.resident_kib = number();
    if (line.starts_with("VmHWM:")) footprint.peak_kib = number();
    if (line.starts_with("Threads:")) footprint.threads = number();
  }
  const std::filesystem::directory_iterator descriptors(in_proc(process_, "fd"));
  footprint.descriptors = static_cast<std::size_t>(std::distance(begin(descriptors), {}));
  return footprint;
}

std::chrono::nanoseconds OperatorProcess::cpu_time() const {
  // The process's own file shows only its first thread.
  std::chrono::nanoseconds total{0};
  for (const auto& task : std::filesystem::directory_iterator(in_proc(process_, "task"))) {
    long long nanoseconds = 0;
    std::istringstream(read_file(task.path() / "schedstat")) >> nanoseconds;
    total += std::chrono::nanoseconds(nanoseconds);
  }
  return total;
}

}  // namespace receiver::test
