#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "clock/clock.h"

namespace receiver::http {

class Connection;

/// The connections of one server: admits new ones, and finds those that have waited too long.
/// Thread-safe; only one thread at a time may admit and add.
class ConnectionTable {
 public:
  explicit ConnectionTable(std::size_t bound) : bound_(bound) {}

  enum class Admission {
    kServed,
    kRefused,  ///< no room: its request is answered 503
    kClosed,   ///< no room even for a 503
  };
  struct Room {
    Admission admission;
    bool displaced = false;  ///< an idle connection was closed for it
  };
  /// Makes room for one more connection, if necessary by closing the one that has been idle
  /// longest.
  [[nodiscard]] Room make_room();
  /// Closes the connection that has been idle longest; false if none is idle.
  bool displace_idle();

  void add(Connection& connection, Admission admission);
  void remove(Connection& connection);

  /// Wakes connections whose deadline has passed.
  void expire(clock::Steady::time_point now);
  /// Closes connections that wait for a request.
  void close_idle();
  /// Closes all connections.
  void cut_all();
  [[nodiscard]] bool empty() const;

 private:
  /// The connections that `wanted` selects, for calls without the lock.
  [[nodiscard]] std::vector<std::shared_ptr<Connection>> collect(
      const std::function<bool(Connection&)>& wanted) const;

  const std::size_t bound_;
  mutable std::mutex mutex_;
  std::unordered_map<Connection*, Admission> connections_;
  std::size_t served_ = 0, refused_ = 0;
};

}  // namespace receiver::http
