#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "kube/lease.h"
#include "kube/object_key.h"
#include "kube/rest.h"
#include "log/logger.h"

namespace receiver::kube {

struct LeaderElectionOptions {
  ObjectKey lease;       ///< namespace and name of the Lease
  std::string identity;  ///< unique per process
  std::chrono::milliseconds lease_duration{15'000};
  std::chrono::milliseconds renew_deadline{10'000};
  std::chrono::milliseconds retry_period{2'000};
};

/// client-go's leader election on a coordination.k8s.io/v1 Lease: at most one candidate leads,
/// judged by local monotonic time. The leader renews every retry period. If it could not renew for
/// the renew deadline, it stops leading, before the lease duration lets another candidate lead. All
/// members and callbacks run on the client's thread. The object and the client must outlive run().
class LeaderElector {
 public:
  struct Callbacks {
    std::function<void(const Acquisition&)> started;
    /// Leadership is lost, or about to be released. When this returns, everything that it guards
    /// must have ended.
    std::function<void()> stopped;
  };
  LeaderElector(RestClient& rest, LeaderElectionOptions options, Callbacks callbacks,
                log::Logger logger);
  ~LeaderElector();
  LeaderElector(const LeaderElector&) = delete;
  LeaderElector& operator=(const LeaderElector&) = delete;

  /// Takes part until stop(), or until the client is closed; a candidate that lost tries again.
  /// Call once.
  boost::asio::awaitable<void> run();
  /// Ends run(), which first releases the lease if it is held.
  void stop();
  /// Ends run() as a crash would: a held lease expires, and the next leader finds it expired.
  void abandon();
  /// Whether the lease is held and was renewed in time. False even before `stopped` is called, if
  /// the thread was blocked for too long.
  [[nodiscard]] bool leading() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::kube
