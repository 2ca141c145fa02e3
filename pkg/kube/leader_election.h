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

/// client-go's leader election on a coordination.k8s.io/v1 Lease: at most one of the candidates
/// leads, judged by local monotonic time. The leader renews every retry period; if it could not for
/// the renew deadline it has lost, which is before the lease duration lets another one in. All
/// members and callbacks run on the client's thread; the object and the client outlive run().
class LeaderElector {
 public:
  struct Callbacks {
    std::function<void(const Acquisition&)> started;
    /// Leadership is lost, or about to be given back: whatever it guards has ended when this
    /// returns.
    std::function<void()> stopped;
  };
  LeaderElector(RestClient& rest, LeaderElectionOptions options, Callbacks callbacks,
                log::Logger logger);
  ~LeaderElector();
  LeaderElector(const LeaderElector&) = delete;
  LeaderElector& operator=(const LeaderElector&) = delete;

  /// Stands until stop(), or until the client is closed; a candidate that lost stands again. Once.
  boost::asio::awaitable<void> run();
  /// Ends run(), which gives the lease back first if it is held.
  void stop();
  /// Ends run() as a crash would: the lease, if it is held, expires by itself, and the next leader
  /// finds it so.
  void abandon();
  /// Held, and renewed in time: false even before `stopped` is called if the thread was held up for
  /// too long.
  [[nodiscard]] bool leading() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::kube
