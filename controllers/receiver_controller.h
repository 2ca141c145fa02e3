#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "api/receiver_owner.h"
#include "controllers/derive.h"
#include "controllers/routes.h"
#include "controllers/secret_sources.h"
#include "kube/controller.h"
#include "kube/events.h"
#include "kube/rest.h"
#include "kube/store.h"
#include "log/logger.h"

namespace receiver::controllers {

using OwnerStore = kube::Store<api::ReceiverOwner>;

struct ReceiverControllerOptions {
  BaseUrl base_url;
  std::string system_namespace;  ///< of the ClusterConfig's Secrets; empty: no receivers of the
                                 ///< ClusterConfig
  BitbucketHosts bitbucket_hosts{};
  SecretAccess secret_access = SecretAccess::kNamespaced;
  int workers = 4;
  kube::ReconcileObserver reconciled{};
  /// Called in every replica with each new result for an owner, and when an owner is deleted.
  std::function<void(const api::ReceiverOwner&, const DerivedReceivers&)> derived{};
  std::function<void(const kube::ObjectKey&)> gone{};
};

struct ReceiverControllerCounters {
  std::uint64_t status_writes = 0, status_conflicts = 0, status_failures = 0;
};

/// Counts of the Bitbucket receivers of all owners.
struct ReceiverCounts {
  std::size_t ready = 0;      ///< served at a path
  std::size_t not_ready = 0;  ///< its Secret is missing, unusable or not read yet
};

/// Implements what ProjectConfigs and the ClusterConfig declare: routes, in every replica and at
/// once; status and Events, through a work queue, only in the leader. All members run on the
/// client's thread.
class ReceiverController {
 public:
  /// Name of its work queue and reconciles, in logs and metrics.
  static constexpr std::string_view kName = "receivers";

  /// Called before each write, in addition to set_leading(): the Lease may have expired unnoticed
  /// while the thread was blocked.
  using Leading = std::function<bool()>;

  /// Observes both stores: create it before their reflectors start. All arguments must outlive
  /// run().
  ReceiverController(kube::RestClient& rest, OwnerStore& project_configs,
                     OwnerStore& cluster_configs, RouteTable& routes, kube::EventRecorder& events,
                     Leading leading, ReceiverControllerOptions options, log::Logger logger);
  ~ReceiverController();
  ReceiverController(const ReceiverController&) = delete;
  ReceiverController& operator=(const ReceiverController&) = delete;

  /// Runs until stop() and until the status writes in progress have ended. Call once.
  boost::asio::awaitable<void> run();
  void stop();

  /// Statuses and Events are written only while leading. A former leader starts no write, and drops
  /// the waiting Events.
  void set_leading(bool leading);

  /// Call when all owners have been listed, or cannot be.
  void owners_settled();
  /// Whether every named Secret has been tried once, or cannot be read.
  [[nodiscard]] bool secrets_settled() const;
  /// For people: which Secrets cannot be watched; empty if all can.
  [[nodiscard]] std::string secrets_trouble() const;
  [[nodiscard]] std::size_t secret_watches() const;
  [[nodiscard]] kube::ReflectorStatus secrets_status() const;
  /// Counts in every replica, leading or not.
  [[nodiscard]] ReceiverCounts receivers() const;
  [[nodiscard]] const kube::WorkQueue& queue() const;
  [[nodiscard]] const ReceiverControllerCounters& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::controllers
