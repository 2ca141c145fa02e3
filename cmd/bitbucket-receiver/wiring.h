#pragma once

#include <chrono>
#include <functional>

#include "clock/clock.h"
#include "kube/leader_election.h"
#include "kube/reflector.h"

/// What the parts of the operator mean to one another, as far as it can be told without them.
namespace receiver {

/// Whether every object that declares receivers has been seen. A missing kind declares none; of
/// ProjectConfigs that may not be read nobody knows, and an API server that has just started
/// refuses everything.
[[nodiscard]] bool owners_listed(const kube::ReflectorStatus& project_configs,
                                 const kube::ReflectorStatus& cluster_configs);
/// Whether they have been listed, or cannot be.
[[nodiscard]] bool owners_settled(const kube::ReflectorStatus& project_configs,
                                  const kube::ReflectorStatus& cluster_configs);

/// A replica leads between the two calls of `set_leading`. `catch_up` begins when it takes over
/// from one that may have lost deliveries, if the setting CATCH_UP wants it.
[[nodiscard]] kube::LeaderElector::Callbacks leader_callbacks(
    bool wants_catch_up, std::function<void(bool leading)> set_leading,
    std::function<void()> catch_up);

/// When what has ended, from SIGTERM on; each at the latest.
struct ShutdownTimes {
  using Time = clock::Steady::time_point;
  Time served;  ///< new connections: the endpoints of a Service take a moment to forget a replica
  Time answer_by;  ///< deliveries that wait: before their connections are cut
  Time answered;   ///< a sender that is slow to the end does not use up the time of what is queued
  Time drained;    ///< the queue; then come the Lease and the status writes that it guards
  Time ended;
};
[[nodiscard]] ShutdownTimes shutdown_times(ShutdownTimes::Time now,
                                           std::chrono::milliseconds grace_period);

}  // namespace receiver
