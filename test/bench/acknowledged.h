#pragma once

#include <cstdint>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "clock/clock.h"
#include "crypto/crypto.h"
#include "test/bench/peers.h"
#include "test/bench/workload.h"
#include "test/chaos/invariant.h"

namespace receiver::bench {

/// Checks that acknowledged deliveries were applied, with the invariant of the chaos tests. It
/// reads etcd's history after a load, so it does not affect the measurement.
class Acknowledged {
 public:
  /// For deliveries that are sent from now on.
  explicit Acknowledged(unsigned short etcd_port);
  /// A delivery that was sent and answered 200 at these times.
  void note(const Project& project, clock::Wall::time_point sent, clock::Wall::time_point answered);
  /// Throws std::runtime_error if one was not applied, and starts again.
  void check();

 private:
  unsigned short etcd_port_;
  std::int64_t revision_;  ///< of etcd, before the first delivery
  std::vector<chaos::SentDelivery> deliveries_;
};

/// A delivery to the project's receiver, for a push to the project's repository.
[[nodiscard]] http::Request delivery_to(const Project& project, const crypto::SecretString& secret);

/// Sends such a delivery, which refreshes the project's Warehouses, and records it.
boost::asio::awaitable<void> push(Receiver& receiver, const Project& project,
                                  http::Request delivery, Acknowledged& acknowledged);

}  // namespace receiver::bench
