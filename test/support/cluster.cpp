#include "test/support/cluster.h"

#include <cstddef>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <unistd.h>
#include <utility>

#include <boost/asio/local/stream_protocol.hpp>
#include <fmt/format.h>

namespace receiver::test {
namespace {

constexpr const char* kVariable = "INTEGRATION_CLUSTER";

bool is_cluster(const std::string& directory) {
  return std::filesystem::exists(directory + "/kubeconfig.operator");
}

/// The control plane that ctest lends this test, such as `one` of `id:one,slots:1`.
std::string lent_by_ctest() {
  const char* resource = std::getenv("CTEST_RESOURCE_GROUP_0_CONTROL_PLANE");
  const std::string words = resource == nullptr ? "" : resource;
  const std::size_t begin = words.find(':') + 1;
  return words.substr(begin, words.find(',') - begin);
}

}  // namespace

ControlPlane::ControlPlane() {
  if (const char* given = std::getenv(kVariable); given != nullptr) {
    directory_ = given;
    if (is_cluster(directory_)) return;
    throw std::runtime_error(std::string(kVariable) + "=" + directory_ +
                             " was not made by `test/integration/cluster.py start`");
  }
  const std::string of_ctest = fmt::format("{}/{}/{}", CLUSTERS_DIR, lent_by_ctest(), ::getppid());
  if (is_cluster(of_ctest)) {
    directory_ = of_ctest;
  } else {
    own_ = true;
    directory_ = std::string(CLUSTERS_DIR) + "/" + std::to_string(::getpid());
    std::cerr << "starting a control plane in " << directory_ << std::endl;
    const Finished started = run({CLUSTER_SCRIPT, "start", CLUSTERS_DIR});
    if (started.exit_code != 0) throw std::runtime_error(started.output);
  }
  ::setenv(kVariable, directory_.c_str(), 1);
}

ControlPlane::~ControlPlane() {
  if (!own_) return;
  if (run({CLUSTER_SCRIPT, "stop", CLUSTERS_DIR}).exit_code != 0) {
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
  start_etcd();
  start_api_server();
  admin_.remove(kLeasePath);
}

std::string Cluster::operator_kubeconfig() const {
  return directory_ + "/kubeconfig.operator";
}

std::string Cluster::setting(const std::string& name) const {
  std::istringstream lines(read_file(directory_ + "/env"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name + "=")) return line.substr(name.size() + 1);
  }
  throw std::runtime_error("the control plane has no setting " + name);
}

std::string Cluster::kubectl(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), setting("KUBECTL"));
  Finished finished = run(std::move(arguments), {{"KUBECONFIG", directory_ + "/kubeconfig.admin"}});
  if (finished.exit_code != 0) throw std::runtime_error("kubectl failed: " + finished.output);
  return std::move(finished.output);
}

void Cluster::tell(const char* command) const {
  // The name of a socket is limited to 107 bytes; the folder's may be longer.
  const int folder = ::open(directory_.c_str(), O_PATH | O_CLOEXEC);
  boost::asio::local::stream_protocol::iostream control{
      boost::asio::local::stream_protocol::endpoint(
          fmt::format("/proc/self/fd/{}/socket", folder))};
  ::close(folder);
  control << command << std::endl;
  const std::string answer(std::istreambuf_iterator<char>(control), {});
  if (answer == "done\n") return;
  throw std::runtime_error(fmt::format("control plane: cannot {}: {}", command,
                                       answer.empty() ? control.error().message() : answer));
}

}  // namespace receiver::test
