#pragma once

#include <list>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "clock/timer.h"

namespace receiver::async {

/// Sleeps until the time, or until the timer is cancelled or set again.
boost::asio::awaitable<void> sleep_until(clock::Timer& timer, clock::Steady::time_point time);

/// A coroutine that waits until it is woken, and its place in a queue of waiting coroutines. For
/// one thread; the queue must outlive it.
class Sleeper {
 public:
  using Queue = std::list<Sleeper*>;
  using TimePoint = clock::Steady::time_point;

  Sleeper(const boost::asio::any_io_executor& executor, Queue& queue)
      : timer_(executor), queue_(queue), place_(queue.insert(queue.end(), this)) {}
  ~Sleeper() { queue_.erase(place_); }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  /// Sleeps until wake() or the deadline. Returns whether it was woken.
  boost::asio::awaitable<bool> sleep(TimePoint deadline);
  void wake() {
    woken_ = true;
    timer_.cancel();
  }
  static void wake_all(const Queue& queue) {
    for (Sleeper* sleeper : queue) sleeper->wake();
  }
  [[nodiscard]] bool is_woken() const { return woken_; }

 private:
  clock::Timer timer_;
  Queue& queue_;
  Queue::iterator place_;
  bool woken_ = false;
};

}  // namespace receiver::async
