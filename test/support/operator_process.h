#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "test/support/process.h"

namespace receiver::test {

/// How to start an operator.
struct OperatorLaunch {
  std::string binary;
  std::string kubeconfig;  ///< for its own account
  std::string log;         ///< a file; several operators may write to it one after another
  std::vector<std::string> launcher{};  ///< a program that executes the binary, and its arguments
};

/// The operator's binary as a child process, with two free ports of 127.0.0.1. Its owner sends
/// requests and stops it: Operator, or bench's MeasuredOperator.
class OperatorProcess {
 public:
  /// `settings` are overridden by those that are set here: the addresses, the base URL, the
  /// kubeconfig.
  OperatorProcess(const OperatorLaunch& launch, Environment settings);

  [[nodiscard]] unsigned short port() const { return port_; }
  [[nodiscard]] unsigned short metrics_port() const { return metrics_port_; }
  /// `http://127.0.0.1:PORT`, the base URL unless the settings have another.
  [[nodiscard]] std::string origin() const;
  [[nodiscard]] Process& process() { return process_; }
  [[nodiscard]] const Process& process() const { return process_; }

  struct Footprint {
    std::size_t resident_kib;
    std::size_t peak_kib;
    std::size_t descriptors;
    std::size_t threads;
  };
  [[nodiscard]] Footprint footprint() const;
  /// Of all its threads so far.
  [[nodiscard]] std::chrono::nanoseconds cpu_time() const;

 private:
  unsigned short port_;
  unsigned short metrics_port_;
  Process process_;
};

}  // namespace receiver::test
