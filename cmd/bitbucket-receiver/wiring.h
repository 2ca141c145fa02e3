#pragma once

#include <chrono>
#include <functional>

#include "clock/clock.h"
#include "kube/leader_election.h"
#include "kube/reflector.h"

/// Relations between the parts of the operator that can be expressed without them.
namespace receiver {

/// Whether every object that declares receivers has been seen. A missing kind declares none.
/// ProjectConfigs that may not be read are unknown, and an API server that has just started rejects
/// everything.
[[nodiscard]] bool owners_listed(const kube::ReflectorStatus& project_configs,
                                 const kube::ReflectorStatus& cluster_configs);
/// Whether they have been listed, or cannot be.
[[nodiscard]] bool owners_settled(const kube::ReflectorStatus& project_configs,
                                  const kube::ReflectorStatus& cluster_configs);

/// A replica leads between the two calls of `set_leading`. `catch_up` is called when it takes over
/// from one that may have lost deliveries, if the setting CATCH_UP is on.
[[nodiscard]] kube::LeaderElector::Callbacks leader_callbacks(
    bool wants_catch_up, std::function<void(bool leading)> set_leading,
    std::function<void()> catch_up);

/// The latest time, after SIGTERM, at which each part has stopped.
struct ShutdownTimes {
  using Time = clock::Steady::time_point;
  Time served;     ///< new connections: the endpoints of a Service still contain the replica for a
                   ///< moment
  Time answer_by;  ///< waiting deliveries: before their connections are closed
  Time answered;   ///< a slow sender does not use up the time of queued refreshes
  Time drained;    ///< the queue; then follow the Lease and the status writes that it guards
  Time ended;
};
[[nodiscard]] ShutdownTimes shutdown_times(ShutdownTimes::Time now,
                                           std::chrono::milliseconds grace_period);

}  // namespace receiver
