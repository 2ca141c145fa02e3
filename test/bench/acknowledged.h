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

/// Whether what was acknowledged was applied, by the invariant of the chaos tests: etcd's history
/// is read after a load, and so costs nothing meanwhile.
class Acknowledged {
 public:
  /// Of deliveries that are sent from now on.
  explicit Acknowledged(unsigned short etcd_port);
  /// A delivery that was sent and answered 200 at these times.
  void note(const Project& project, clock::Wall::time_point sent, clock::Wall::time_point answered);
  /// Throws std::runtime_error if one was not applied, and starts again.
  void check();

 private:
  unsigned short etcd_port_;
  std::int64_t revision_;  ///< of etcd, before the first of them
  std::vector<chaos::SentDelivery> deliveries_;
};

/// Tells the project's receiver of a push to the project's repository.
[[nodiscard]] http::Request delivery_to(const Project& project, const crypto::SecretString& secret);

/// Sends such a delivery, which refreshes the project's Warehouses, and notes it.
boost::asio::awaitable<void> push(Receiver& receiver, const Project& project,
                                  http::Request delivery, Acknowledged& acknowledged);

}  // namespace receiver::bench
