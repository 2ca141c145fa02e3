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

/// The connections of one server: who may enter, who has waited too long. Thread-safe; only one
/// thread at a time may admit and add.
class ConnectionTable {
 public:
  explicit ConnectionTable(std::size_t bound) : bound_(bound) {}

  enum class Admission {
    kServed,
    kRefused,  ///< no room: its request is answered 503
    kClosed,   ///< not even for that
  };
  struct Room {
    Admission admission;
    bool displaced = false;  ///< an idle connection gave way
  };
  /// Makes room for one more, if need be by closing the connection that has been idle the longest.
  [[nodiscard]] Room make_room();
  /// Closes the connection that has been idle the longest; false if none is idle.
  bool displace_idle();

  void add(Connection& connection, Admission admission);
  void remove(Connection& connection);

  /// Wakes those whose deadline has passed.
  void expire(clock::Steady::time_point now);
  /// Closes those that wait for a request.
  void close_idle();
  /// Closes all.
  void cut_all();
  [[nodiscard]] bool empty() const;

 private:
  /// Those that `wanted` picks, to be called upon without the lock.
  [[nodiscard]] std::vector<std::shared_ptr<Connection>> collect(
      const std::function<bool(Connection&)>& wanted) const;

  const std::size_t bound_;
  mutable std::mutex mutex_;
  std::unordered_map<Connection*, Admission> connections_;
  std::size_t served_ = 0, refused_ = 0;
};

}  // namespace receiver::http
