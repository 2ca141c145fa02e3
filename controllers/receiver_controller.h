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
  std::string system_namespace;  ///< of the ClusterConfig's Secrets; empty: its receivers are off
  BitbucketHosts bitbucket_hosts{};
  SecretAccess secret_access = SecretAccess::kNamespaced;
  int workers = 4;
  /// Asked before each write, beside set_leading(): the Lease may have run out unnoticed while the
  /// thread was held up. Not given: always yes.
  std::function<bool()> leading{};
  kube::ReconcileObserver reconciled{};
  /// In every replica: what is derived from an owner from now on, and that one is gone.
  std::function<void(const api::ReceiverOwner&, const DerivedReceivers&)> derived{};
  std::function<void(const kube::ObjectKey&)> gone{};
};

struct ReceiverControllerCounters {
  std::uint64_t status_writes = 0, status_conflicts = 0, status_failures = 0;
};

/// The Bitbucket receivers of all owners.
struct ReceiverCounts {
  std::size_t ready = 0;      ///< served at a path
  std::size_t not_ready = 0;  ///< the Secret is missing, unusable or not read yet
};

/// Keeps what ProjectConfigs and the ClusterConfig declare: their routes, in every replica and at
/// once; their status and Events, through a work queue, in the leader only. All members run on the
/// client's thread.
class ReceiverController {
 public:
  /// Of its work queue and reconciles, in logs and metrics.
  static constexpr std::string_view kName = "receivers";

  /// Observes both stores: before their reflectors start. Everything given outlives run().
  ReceiverController(kube::RestClient& rest, OwnerStore& project_configs,
                     OwnerStore& cluster_configs, RouteTable& routes, kube::EventRecorder& events,
                     ReceiverControllerOptions options, log::Logger logger);
  ~ReceiverController();
  ReceiverController(const ReceiverController&) = delete;
  ReceiverController& operator=(const ReceiverController&) = delete;

  /// Until stop(), and the status writes in progress have ended. Once.
  boost::asio::awaitable<void> run();
  void stop();

  /// While leading, statuses and Events are written. A former leader starts no write, and drops the
  /// Events that wait.
  void set_leading(bool leading);

  /// All owners have been listed, or cannot be.
  void owners_settled();
  /// Every Secret that is named has been looked for once, or cannot be read.
  [[nodiscard]] bool secrets_settled() const;
  /// For people: which Secrets cannot be followed; empty if all can.
  [[nodiscard]] std::string secrets_trouble() const;
  [[nodiscard]] std::size_t secret_watches() const;
  [[nodiscard]] kube::ReflectorStatus secrets_status() const;
  /// Leading or not.
  [[nodiscard]] ReceiverCounts receivers() const;
  [[nodiscard]] const kube::WorkQueue& queue() const;
  [[nodiscard]] const ReceiverControllerCounters& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::controllers
