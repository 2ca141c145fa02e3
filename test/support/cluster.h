#pragma once

#include <string>
#include <vector>

#include "test/support/api.h"
#include "test/support/process.h"

namespace receiver::test {

/// The control plane of this run: the one that INTEGRATION_CLUSTER names (a folder made by
/// cluster.py), or one that ctest started and lends this test, or this process's own, which ends
/// with this object.
class ControlPlane {
 public:
  ControlPlane();
  ~ControlPlane();
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  /// The folder of the current one.
  [[nodiscard]] static std::string directory();

 private:
  bool own_ = false;
  std::string directory_;
};

/// A test's view of the control plane. When a test begins, the API server is up and nobody holds
/// the operator's Lease, however the last test ended.
class Cluster {
 public:
  Cluster();

  [[nodiscard]] const Api& admin() const { return admin_; }
  [[nodiscard]] std::string operator_kubeconfig() const;
  [[nodiscard]] const std::string& directory() const { return directory_; }
  /// A setting that control_plane.py has written, such as APISERVER_PORT.
  [[nodiscard]] std::string setting(const std::string& name) const;
  /// kubectl's output, as administrator.
  [[nodiscard]] std::string kubectl(std::vector<std::string> arguments) const;

  /// As a failure of the machine would.
  void kill_api_server() const { tell("kill apiserver"); }
  /// As an upgrade would: returns when it has stopped.
  void stop_api_server() const { tell("stop apiserver"); }
  /// On the same port and data; returns when it is ready.
  void start_api_server() const { tell("start apiserver"); }
  /// It neither answers nor closes anything until it is thawed. It has stopped when this returns.
  void freeze_api_server() const { tell("freeze apiserver"); }
  void thaw_api_server() const { tell("thaw apiserver"); }
  /// From its next start, the API server has a certificate of another CA.
  void make_new_ca() const { tell("new-ca"); }
  void kill_etcd() const { tell("kill etcd"); }
  void start_etcd() const { tell("start etcd"); }

 private:
  /// Runs a command of control_plane.py for this folder.
  void tell(const char* command) const;

  std::string directory_;
  Api admin_;
};

inline constexpr const char* kLeasePath =
    "/apis/coordination.k8s.io/v1/namespaces/kargo/leases/bitbucket-receiver";

}  // namespace receiver::test
