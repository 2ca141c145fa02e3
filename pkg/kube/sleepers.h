#pragma once

#include <chrono>
#include <set>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace receiver::kube {

/// Coroutines of one thread that sleep, each until its own time, or until all are woken. Must
/// outlive them. Internal to the room.
class Sleepers {
 public:
  Sleepers() = default;
  Sleepers(const Sleepers&) = delete;
  Sleepers& operator=(const Sleepers&) = delete;

  boost::asio::awaitable<void> sleep_until(boost::asio::any_io_executor executor,
                                           std::chrono::steady_clock::time_point time) {
    boost::asio::steady_timer timer(executor, time);
    const Registration registration(timers_, timer);
    boost::system::error_code ignored;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  }

  void wake_all() {
    for (boost::asio::steady_timer* timer : timers_) timer->cancel();
  }

 private:
  using Timers = std::set<boost::asio::steady_timer*>;

  class Registration {
   public:
    Registration(Timers& timers, boost::asio::steady_timer& timer)
        : timers_(timers), timer_(timer) {
      timers_.insert(&timer_);
    }
    ~Registration() { timers_.erase(&timer_); }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

   private:
    Timers& timers_;
    boost::asio::steady_timer& timer_;
  };

  Timers timers_;
};

}  // namespace receiver::kube
