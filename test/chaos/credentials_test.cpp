#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/chaos/experiment.h"

namespace receiver::chaos {

using test::Cluster;
using test::Environment;
using test::eventually;
using test::Operator;
using test::read_file;

namespace {

constexpr const char* kAccount = "kargo-external-webhooks-server";

/// A pod's ServiceAccount: a token and a CA in files that another process replaces.
class AccountFiles {
 public:
  explicit AccountFiles(const Cluster& cluster) : directory_(cluster.directory() + "/account") {
    std::filesystem::create_directory(directory_);
    std::ofstream(kubeconfig()) << fmt::format(
        R"({{"apiVersion": "v1", "kind": "Config", "current-context": "it",
             "clusters": [{{"name": "it", "cluster": {{"server": "https://127.0.0.1:{}",
                                                       "certificate-authority": "ca.crt"}}}}],
             "users": [{{"name": "it", "user": {{"tokenFile": "token"}}}}],
             "contexts": [{{"name": "it", "context": {{"cluster": "it", "user": "it"}}}}]}})",
        cluster.setting("APISERVER_PORT"));
    replace("ca.crt", read_file(cluster.directory() + "/pki/ca.crt"));
    replace("token", cluster.kubectl({"-n", "kargo", "create", "token", kAccount}));
  }
  ~AccountFiles() { std::filesystem::remove_all(directory_); }
  AccountFiles(const AccountFiles&) = delete;
  AccountFiles& operator=(const AccountFiles&) = delete;

  [[nodiscard]] std::string kubeconfig() const { return directory_ + "/kubeconfig"; }

  void replace(const std::string& name, const std::string& content) const {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path + ".new") << content;
    std::filesystem::rename(path + ".new", path);
  }

 private:
  std::string directory_;
};

/// A Secret that a token can be bound to: the token becomes invalid when it is deleted.
class Bond {
 public:
  explicit Bond(const Cluster& cluster) : cluster_(cluster) {
    (void)cluster_.kubectl({"-n", "kargo", "create", "secret", "generic", "bond"});
  }
  ~Bond() { cluster_.admin().remove("/api/v1/namespaces/kargo/secrets/bond"); }
  Bond(const Bond&) = delete;
  Bond& operator=(const Bond&) = delete;

  [[nodiscard]] std::string token() const {
    return cluster_.kubectl({"-n", "kargo", "create", "token", kAccount, "--bound-object-kind",
                             "Secret", "--bound-object-name", "bond"});
  }
  void cut() const { (void)cluster_.kubectl({"-n", "kargo", "delete", "secret", "bond"}); }

 private:
  const Cluster& cluster_;
};

/// Restores the control plane's keys and certificates, which other tests trust.
class KeptCertificates {
 public:
  explicit KeptCertificates(const Cluster& cluster)
      : cluster_(cluster), now_(cluster.directory() + "/pki"), kept_(now_ + ".kept") {
    std::filesystem::copy(now_, kept_);
  }
  ~KeptCertificates() {
    std::filesystem::remove_all(now_);
    std::filesystem::rename(kept_, now_);
    cluster_.kill_api_server();
    cluster_.start_api_server();
  }
  KeptCertificates(const KeptCertificates&) = delete;
  KeptCertificates& operator=(const KeptCertificates&) = delete;

 private:
  const Cluster& cluster_;
  std::string now_;
  std::string kept_;
};

}  // namespace

TEST_CASE("token revoked, its file replaced 5 s after", "[credentials]") {
  const Cluster cluster;
  const AccountFiles account(cluster);
  const Bond bond(cluster);
  account.replace("token", bond.token());
  const World world(cluster);
  const Operator op(cluster, {{"KUBECONFIG", account.kubeconfig()}});
  Experiment experiment(cluster, world, {&op});
  experiment.fault([&] {
    bond.cut();
    // The API server caches for some seconds that the token was valid.
    eventually(
        "the operator's PATCHes are refused",
        [&] {
          return op.sum_of_metrics(R"(rest_client_requests_total{code="401",method="PATCH"})") > 0;
        },
        30s);
    std::this_thread::sleep_for(5s);
    account.replace("token", cluster.kubectl({"-n", "kargo", "create", "token", kAccount}));
  });
  experiment.recover();
  experiment.finish();
}

TEST_CASE("certificate authority changed, its file replaced 5 s after", "[credentials]") {
  const Cluster cluster;
  const World world(cluster);  // destroyed last, when its administrator's CA is restored
  const KeptCertificates kept(cluster);
  const AccountFiles account(cluster);
  const Operator op(cluster, {{"KUBECONFIG", account.kubeconfig()}});
  Experiment experiment(cluster, world, {&op});
  experiment.fault([&] {
    cluster.kill_api_server();
    cluster.make_new_ca();
    cluster.start_api_server();
    std::this_thread::sleep_for(5s);
    account.replace("ca.crt", read_file(cluster.directory() + "/pki/ca.crt"));
  });
  experiment.recover();
  experiment.finish();
}

}  // namespace receiver::chaos
