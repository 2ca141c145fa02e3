#include "test/support/operator.h"

#include <csignal>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <unistd.h>
#include <utility>

#include <catch2/catch.hpp>

#include "test/support/delivery.h"
#include "test/support/eventually.h"

namespace receiver::test {
namespace {

/// The default settings of tests: no catch-up, which would refresh objects that tests watch.
Environment default_settings() {
  Environment settings{{"CATCH_UP", "false"}, {"LOG_LEVEL", "DEBUG"}};
  const Environment current = current_environment();
  for (const char* name :
       {"PATH", "HOME", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
    if (const auto found = current.find(name); found != current.end()) settings.insert(*found);
  }
  return settings;
}

std::string next_name() {
  static int count = 0;
  return "operator-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

}  // namespace

Operator::Operator(const Cluster& cluster, Environment settings, Await await, Launcher launcher) {
  settings.merge(default_settings());
  for (int attempt = 1; !start(cluster, settings, launcher); ++attempt) {
    if (attempt == 5) throw std::runtime_error("the operator found no free port");
  }
  if (await == Await::kReady) await_ready();
}

/// False if another process took one of its ports.
bool Operator::start(const Cluster& cluster, const Environment& settings,
                     const Launcher& launcher) {
  const std::string name = next_name();
  log_file_ = cluster.directory() + "/" + name + ".log";
  Environment environment = settings;
  environment.insert({"POD_NAME", name});
  const OperatorLaunch launch{OPERATOR_BINARY, cluster.operator_kubeconfig(), log_file_, launcher};
  process_ = std::make_unique<OperatorProcess>(launch, std::move(environment));

  // It listens on the metrics port from the start, or exits.
  std::optional<int> exit_code;
  eventually("the operator listens on its metrics port, or ends", [&] {
    exit_code = process_->process().wait(0ms);
    return exit_code || try_get(origin_of(process_->metrics_port()) + "/livez");
  });
  if (!exit_code) return true;
  if (log().find("in use") != std::string::npos) return false;
  throw std::runtime_error("the operator ended with exit code " + std::to_string(*exit_code));
}

Operator::~Operator() {
  if (!ended_) {
    process_->process().signal(SIGTERM);
    const auto code = process_->process().wait(2 * kPatience);
    if (code != 0) {
      FAIL_CHECK("the operator ended with " << code.value_or(-1) << " (-1: not at all)");
    }
  }
}

std::string Operator::url(const std::string& path) const {
  return origin() + path;
}

http::Response Operator::metrics_port(const std::string& path) const {
  auto answer = try_get(origin_of(process_->metrics_port()) + path);
  if (!answer) throw std::runtime_error("no answer from the metrics port to " + path);
  return std::move(*answer);
}

bool Operator::is_live() const {
  const auto answer = try_get(origin_of(process_->metrics_port()) + "/livez", 5s);
  return answer && answer->status == 200;
}

bool Operator::is_ready() const {
  const auto answer = try_get(origin_of(process_->metrics_port()) + "/readyz");
  return answer && answer->status == 200;
}

void Operator::await_ready() const {
  eventually(
      "the operator is ready", [&] { return is_ready(); }, 3 * kPatience);
}

void Operator::terminate() const {
  process_->process().signal(SIGTERM);
}

int Operator::exit_code(std::chrono::milliseconds limit) {
  const auto code = process_->process().wait(limit);
  INFO("the operator still runs after " << limit.count() << " ms");
  REQUIRE(code);
  ended_ = true;
  return *code;
}

void Operator::kill() {
  process_->process().signal(SIGKILL);
  REQUIRE(exit_code(kPatience) == 128 + SIGKILL);
}

std::string Operator::log() const {
  return read_file(log_file_);
}

double Operator::metric(const std::string& series) const {
  std::istringstream metrics(metrics_port("/metrics").body);
  for (std::string line; std::getline(metrics, line);) {
    if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
  }
  return std::numeric_limits<double>::quiet_NaN();
}

double Operator::sum_of_metrics(const std::string& begin) const {
  std::istringstream lines(metrics_port("/metrics").body);
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(begin)) sum += std::stod(line.substr(line.rfind(' ')));
  }
  return sum;
}

}  // namespace receiver::test
