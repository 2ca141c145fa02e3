#pragma once

#include <string>
#include <vector>

#include "test/support/api.h"
#include "test/support/process.h"

namespace receiver::test {

/// The control plane of this run: the one that INTEGRATION_CLUSTER names (a folder made by
/// cluster.py), or that ctest started and lends this test, or one of this process's own, which ends
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
  /// Of what control_plane.py has written down, such as APISERVER_PORT.
  [[nodiscard]] std::string setting(const std::string& name) const;
  /// kubectl's output, as administrator.
  [[nodiscard]] std::string kubectl(std::vector<std::string> arguments) const;

  /// As the machine's failure would.
  void kill_api_server() const { tell("kill apiserver"); }
  /// As an upgrade would: asks it to finish, returns when it has.
  void stop_api_server() const { tell("stop apiserver"); }
  /// On the same port and data; returns when it is ready.
  void start_api_server() const { tell("start apiserver"); }
  /// It neither answers nor closes anything until it is thawed. Stands still when this returns.
  void freeze_api_server() const { tell("freeze apiserver"); }
  void thaw_api_server() const { tell("thaw apiserver"); }
  /// The API server shows a certificate of another authority when it is started the next time.
  void make_new_ca() const { tell("new-ca"); }
  void kill_etcd() const { tell("kill etcd"); }
  void start_etcd() const { tell("start etcd"); }

 private:
  /// One of the commands of control_plane.py, without the folder.
  void tell(const char* command) const;

  std::string directory_;
  Api admin_;
};

inline constexpr const char* kLeasePath =
    "/apis/coordination.k8s.io/v1/namespaces/kargo/leases/bitbucket-receiver";

}  // namespace receiver::test
