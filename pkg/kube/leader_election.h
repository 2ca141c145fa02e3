#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "clock/clock.h"
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

/// How the lease was found when it was won.
struct Acquisition {
  bool existed = false;   ///< there was a Lease before
  bool released = false;  ///< its last holder gave it back
  std::optional<clock::Wall::time_point> last_renewed;  ///< its renewTime, if readable
};

/// client-go's leader election on a coordination.k8s.io/v1 Lease: at most one of the candidates leads, judged by local monotonic time.
class LeaderElector {
 public:
  struct Callbacks {
    std::function<void(const Acquisition&)> started;
    std::function<void()> stopped;  ///< leadership lost or released
  };
  LeaderElector(RestClient& rest, LeaderElectionOptions options, Callbacks callbacks, log::Logger logger);
  ~LeaderElector();
  LeaderElector(const LeaderElector&) = delete;
  LeaderElector& operator=(const LeaderElector&) = delete;

  /// Stands until stop(); a candidate that lost stands again.
  boost::asio::awaitable<void> run();
  /// Ends run(), which gives the lease back first if it is held.
  void stop();
  [[nodiscard]] bool leading() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::kube
