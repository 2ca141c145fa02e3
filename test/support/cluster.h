#pragma once

#include <string>
#include <vector>

#include "test/support/api.h"
#include "test/support/process.h"

namespace receiver::test {

/// The control plane of this run: the one that INTEGRATION_CLUSTER names (a folder made by
/// cluster.sh), or that ctest started and lends this test, or one of this process's own, which ends
/// with this object.
class ControlPlane {
 public:
  ControlPlane();
  ~ControlPlane();
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  /// The one that there is.
  [[nodiscard]] static std::string directory();

 private:
  bool own_ = false;
  std::string directory_;
};

/// What each test has of the control plane. When a test begins, the API server is up and nobody
/// holds the operator's Lease, however the last one ended.
class Cluster {
 public:
  Cluster();

  [[nodiscard]] const Api& admin() const { return admin_; }
  [[nodiscard]] std::string operator_kubeconfig() const;
  [[nodiscard]] const std::string& directory() const { return directory_; }
  /// Of what control_plane.sh has written down, such as APISERVER_PORT.
  [[nodiscard]] std::string setting(const std::string& name) const;
  /// kubectl's output, as administrator.
  [[nodiscard]] std::string kubectl(std::vector<std::string> arguments) const;

  /// As the machine's failure would.
  void kill_api_server() const;
  /// As an upgrade would: asks it to finish, returns when it has.
  void stop_api_server() const;
  /// On the same port and data; returns when it is ready.
  void start_api_server() const;
  /// It neither answers nor closes anything until it is thawed.
  void freeze_api_server() const;
  void thaw_api_server() const;
  /// The API server shows a certificate of another authority when it is started the next time.
  void make_new_ca() const;
  void kill_etcd() const;
  void start_etcd() const;

 private:
  void control_plane(const char* command) const;
  void kill(const std::string& name) const;
  [[nodiscard]] pid_t process(const std::string& name) const;
  [[nodiscard]] bool is_running(const std::string& name) const;

  std::string directory_;
  Api admin_;
};

inline constexpr const char* kLeasePath =
    "/apis/coordination.k8s.io/v1/namespaces/kargo/leases/bitbucket-receiver";

}  // namespace receiver::test
