#include "test/support/cluster.h"

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace receiver::test {
namespace {

constexpr const char* kVariable = "INTEGRATION_CLUSTER";

void run_or_throw(std::vector<std::string> arguments) {
  const std::string what = arguments.front() + " " + arguments.at(1);
  const Finished finished = run(std::move(arguments));
  if (finished.exit_code != 0) throw std::runtime_error(what + " failed: " + finished.output);
}

bool is_cluster(const std::string& directory) {
  return std::filesystem::exists(directory + "/kubeconfig.operator");
}

/// Which control plane ctest lends this test, such as `one` of `id:one,slots:1`.
std::string lent_by_ctest() {
  const char* resource = std::getenv("CTEST_RESOURCE_GROUP_0_CONTROL_PLANE");
  const std::string words = resource == nullptr ? "" : resource;
  const std::size_t begin = words.find(':') + 1;
  return words.substr(begin, words.find(',') - begin);
}

/// Empty when it is gone.
std::string status_of(pid_t process) {
  try {
    return read_file(fmt::format("/proc/{}/status", process));
  } catch (const std::runtime_error&) {
    return {};
  }
}

/// Killed, and perhaps not yet reaped. A zombie with other threads still holds its ports.
bool has_ended(pid_t process) {
  const std::string status = status_of(process);
  return status.empty() || (status.find("\nState:\tZ") != std::string::npos &&
                            status.find("\nThreads:\t1\n") != std::string::npos);
}

bool stands_still(pid_t process) {
  return status_of(process).find("\nState:\tT") != std::string::npos;
}

void wait_until(bool (*holds)(pid_t), pid_t process) {
  while (!holds(process)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

}  // namespace

ControlPlane::ControlPlane() {
  if (const char* given = std::getenv(kVariable); given != nullptr) {
    directory_ = given;
    if (is_cluster(directory_)) return;
    throw std::runtime_error(std::string(kVariable) + "=" + directory_ +
                             " was not made by `test/integration/cluster.sh start`");
  }
  const std::string of_ctest = fmt::format("{}/{}/{}", CLUSTERS_DIR, lent_by_ctest(), ::getppid());
  if (is_cluster(of_ctest)) {
    directory_ = of_ctest;
  } else {
    own_ = true;
    directory_ = std::string(CLUSTERS_DIR) + "/" + std::to_string(::getpid());
    std::cerr << "starting a control plane in " << directory_ << std::endl;
    run_or_throw({CLUSTER_SCRIPT, "start", CLUSTERS_DIR, directory_});
  }
  ::setenv(kVariable, directory_.c_str(), 1);
}

ControlPlane::~ControlPlane() {
  if (!own_) return;
  if (run({CLUSTER_SCRIPT, "stop", CLUSTERS_DIR, directory_}).exit_code != 0) {
    std::cerr << "the control plane in " << directory_ << " could not be stopped" << std::endl;
  }
}

std::string ControlPlane::directory() {
  const char* directory = std::getenv(kVariable);
  if (directory == nullptr) throw std::runtime_error(std::string(kVariable) + " is not set");
  return directory;
}

Cluster::Cluster()
    : directory_(ControlPlane::directory()), admin_(directory_ + "/kubeconfig.admin") {
  if (!is_running("etcd")) start_etcd();
  if (is_running("apiserver")) {
    thaw_api_server();
  } else {
    start_api_server();
  }
  admin_.remove(kLeasePath);
}

std::string Cluster::operator_kubeconfig() const {
  return directory_ + "/kubeconfig.operator";
}

std::string Cluster::setting(const std::string& name) const {
  for (const char* file : {"/env", "/settings"}) {
    std::istringstream lines(read_file(directory_ + file));
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(name + "=")) return line.substr(name.size() + 1);
    }
  }
  throw std::runtime_error("the control plane has no setting " + name);
}

std::string Cluster::kubectl(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), setting("KUBECTL"));
  Finished finished = run(std::move(arguments), {{"KUBECONFIG", directory_ + "/kubeconfig.admin"}});
  if (finished.exit_code != 0) throw std::runtime_error("kubectl failed: " + finished.output);
  return std::move(finished.output);
}

pid_t Cluster::process(const std::string& name) const {
  return std::stoi(read_file(fmt::format("{}/{}.pid", directory_, name)));
}

bool Cluster::is_running(const std::string& name) const {
  return std::filesystem::exists(fmt::format("{}/{}.pid", directory_, name)) &&
         !has_ended(process(name));
}

void Cluster::kill(const std::string& name) const {
  const pid_t killed = process(name);
  ::kill(killed, SIGKILL);
  wait_until(has_ended, killed);
}
void Cluster::kill_api_server() const {
  kill("apiserver");
}

void Cluster::control_plane(const char* command) const {
  run_or_throw({CONTROL_PLANE_SCRIPT, command, directory_});
}

void Cluster::stop_api_server() const {
  control_plane("apiserver-stop");
}
void Cluster::start_api_server() const {
  control_plane("apiserver-start");
}
void Cluster::make_new_ca() const {
  control_plane("new-ca");
}
void Cluster::kill_etcd() const {
  kill("etcd");
}
void Cluster::start_etcd() const {
  control_plane("etcd-start");
}

void Cluster::freeze_api_server() const {
  const pid_t frozen = process("apiserver");
  if (::kill(frozen, SIGSTOP) != 0) throw std::runtime_error("kube-apiserver does not run");
  wait_until(stands_still, frozen);
}
void Cluster::thaw_api_server() const {
  ::kill(process("apiserver"), SIGCONT);
}

}  // namespace receiver::test
