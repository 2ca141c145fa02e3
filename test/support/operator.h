#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "http/message.h"
#include "test/support/cluster.h"
#include "test/support/operator_process.h"

namespace receiver::test {

inline constexpr const char* kPatchesInFlight = "bitbucket_receiver_refresh_patches_in_flight";

/// The operator's binary as a child process, under its ServiceAccount and with settings of SPEC 5.
/// Ready when constructed. The destructor stops it and checks its exit code, unless the test has
/// done so. Its log is printed if the test fails.
class Operator {
 public:
  enum class Await { kReady, kNothing };
  /// A command that executes the operator's binary.
  using Launcher = std::vector<std::string>;
  using Footprint = OperatorProcess::Footprint;
  explicit Operator(const Cluster& cluster, Environment settings = {}, Await await = Await::kReady,
                    Launcher launcher = {});
  ~Operator();
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  /// URL of its webhook port with the path of a published URL.
  [[nodiscard]] std::string url(const std::string& path) const;
  /// `http://127.0.0.1:PORT`, the base URL unless the settings have another.
  [[nodiscard]] std::string origin() const { return process_->origin(); }
  [[nodiscard]] unsigned short port() const { return process_->port(); }
  [[nodiscard]] pid_t id() const { return process_->process().id(); }
  /// `/readyz` and the like, of the metrics port.
  [[nodiscard]] http::Response metrics_port(const std::string& path) const;
  [[nodiscard]] bool is_live() const;  ///< within the timeout of the chart's probe
  [[nodiscard]] bool is_ready() const;
  void await_ready() const;

  void terminate() const;  ///< SIGTERM
  /// Fails the test if it still runs after that time.
  [[nodiscard]] int exit_code(std::chrono::milliseconds limit);
  void kill();

  [[nodiscard]] std::string log() const;
  /// The value of a metric, by its name and labels as shown; NaN if there is none.
  [[nodiscard]] double metric(const std::string& series) const;
  /// The sum of all series of /metrics that begin with this text, such as
  /// `requests_total{code="401"`.
  [[nodiscard]] double sum_of_metrics(const std::string& begin) const;
  /// User and system time so far.
  [[nodiscard]] std::chrono::nanoseconds cpu_time() const { return process_->cpu_time(); }
  [[nodiscard]] Footprint footprint() const { return process_->footprint(); }

 private:
  bool start(const Cluster& cluster, const Environment& settings, const Launcher& launcher);

  std::string log_file_;
  std::unique_ptr<OperatorProcess> process_;
  bool ended_ = false;
};

}  // namespace receiver::test
