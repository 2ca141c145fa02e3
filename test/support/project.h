#pragma once

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "test/support/cluster.h"
#include "test/support/eventually.h"
#include "test/support/json.h"

namespace receiver::test {

/// A name that no other test has used: `it-` and random digits.
[[nodiscard]] std::string unique_name();

[[nodiscard]] std::string receiver_path(const std::string& project, const std::string& receiver,
                                        const std::string& secret);

struct DeclaredReceiver {
  std::string name;
  std::string secret_name;
};
/// The JSON of `spec.webhookReceivers`.
[[nodiscard]] std::string receivers_json(const std::vector<DeclaredReceiver>& receivers);

/// The message of the condition Ready; if its status is not `wanted`, status and message.
[[nodiscard]] std::string ready_message(const Json& owner, std::string_view wanted);
/// The published URL of the receiver; empty if there is none.
[[nodiscard]] std::string published_url(const Json& owner, const std::string& receiver);
[[nodiscard]] std::string resource_version(const Json& object);

inline constexpr const char* kProjectReady = "ProjectConfig is synced and ready for use";

/// Creates or replaces a Secret's data.
void put_secret(const Api& api, const std::string& ns, const std::string& name,
                const std::map<std::string, std::string>& values, bool labelled = true);

/// Waits until the API server's authorizer, which notices rules and bindings a moment later, allows
/// or forbids it to the operator. An empty namespace means all of them.
void await_access(const Api& api, bool allowed, const std::string& verb, const std::string& group,
                  const std::string& resource, const std::string& ns = {});

/// A project of one test: a namespace, by default with the operator's permission to read its
/// Secrets, as Kargo grants it. The destructor deletes its ProjectConfig, Warehouses and
/// Promotions: later tests count subscriptions in the whole cluster.
class Project {
 public:
  enum class Secrets { kReadable, kForbidden };
  explicit Project(const Cluster& cluster, Secrets secrets = Secrets::kReadable,
                   std::string name = unique_name());
  ~Project();
  Project(const Project&) = delete;
  Project& operator=(const Project&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  /// Returns when the API server's authorizer has noticed it.
  void allow_secrets() const;

  void put_secret(const std::string& name, const std::map<std::string, std::string>& values,
                  bool labelled = true) const;
  void delete_secret(const std::string& name) const;
  /// Creates the ProjectConfig, or replaces its receivers.
  void declare(const std::vector<DeclaredReceiver>& receivers) const;
  [[nodiscard]] Json config() const;
  /// Type and note of the Events with that reason on its ProjectConfig, one per line.
  [[nodiscard]] std::string events(const std::string& reason) const;
  [[nodiscard]] std::string config_path() const;
  [[nodiscard]] std::string secret_path(const std::string& name) const;

  /// Declares one receiver with this secret; returns its path once it is published.
  [[nodiscard]] std::string publish(const std::string& receiver, const std::string& secret) const;
  void await_ready(std::chrono::milliseconds limit = kPatience) const;

  /// A repository that no other project subscribes to.
  [[nodiscard]] std::string repository(const std::string& slug = "app") const;
  /// `git` contains further members of the subscription, such as `"branch": "main"`.
  void add_warehouse(const std::string& name, const std::string& repository,
                     const std::string& git = {}) const;
  [[nodiscard]] Json warehouse(const std::string& name) const;
  /// A Promotion whose one step waits for the pull request.
  void add_promotion(const std::string& name, const std::string& pull_request,
                     const std::string& phase = "Running") const;
  [[nodiscard]] Json promotion(const std::string& name) const;
  [[nodiscard]] std::string collection(const std::string& plural) const;

 private:
  const Api& api_;
  std::string name_;
};

/// The one ClusterConfig, with one receiver; deleted after the test.
class ClusterConfig {
 public:
  ClusterConfig(const Cluster& cluster, const std::string& receiver,
                const std::string& secret_name);
  ~ClusterConfig();
  ClusterConfig(const ClusterConfig&) = delete;
  ClusterConfig& operator=(const ClusterConfig&) = delete;

  [[nodiscard]] Json get() const;

 private:
  const Api& api_;
};

inline constexpr const char* kSystemNamespace = "kargo-system-resources";

}  // namespace receiver::test
