#pragma once

#include <map>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "clock/clock.h"
#include "kube/rest.h"
#include "test/bench/world.h"

namespace receiver::bench {

/// Whether what was acknowledged was applied: each Warehouse of a project carries a refresh token
/// at least as new as the last delivery that was answered 200. Tokens are times of this machine.
class Acknowledged {
 public:
  /// A delivery that was sent at that time has been answered 200.
  void note(const Project& project, clock::Wall::time_point sent);
  /// Throws std::runtime_error if one was not applied, and begins anew. Before anyone else
  /// refreshes the same Warehouses.
  boost::asio::awaitable<void> check(kube::RestClient& administrator);

 private:
  struct Last {
    Project project;
    clock::Wall::time_point sent;
  };
  std::map<std::string, Last> last_;  ///< by project
};

}  // namespace receiver::bench
