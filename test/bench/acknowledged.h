#pragma once

#include <cstdint>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "clock/clock.h"
#include "test/bench/peers.h"
#include "test/bench/world.h"
#include "test/chaos/invariant.h"

namespace receiver::bench {

/// Whether what was acknowledged was applied, by the invariant of SPEC 4: etcd's history is read
/// after a load, and so costs nothing meanwhile.
class Acknowledged {
 public:
  /// Of deliveries that are sent from now on.
  explicit Acknowledged(unsigned short etcd_port);
  /// A delivery that was sent and answered 200 at these times.
  void note(const Project& project, clock::Wall::time_point sent, clock::Wall::time_point answered);
  /// Throws std::runtime_error if one was not applied, and begins anew.
  void check();

 private:
  unsigned short etcd_port_;
  std::int64_t revision_;  ///< of etcd, before the first of them
  std::vector<chaos::Sent> deliveries_;
};

/// A push to the project's repository, which refreshes its Warehouses, and is noted.
boost::asio::awaitable<void> push(Receiver& receiver, const Project& project, Delivery delivery,
                                  Acknowledged& acknowledged);

}  // namespace receiver::bench
