#pragma once

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "clock/clock.h"

namespace receiver::http {

/// Threads that run an io_context until join(), and that detect when one of them hangs: busy or
/// idle, each returns from the io_context at least once per beat, unless a handler blocks it.
class IoThreads {
 public:
  /// The threads are named NAME-0, NAME-1 and so on, for people who inspect the process.
  IoThreads(boost::asio::io_context& io, const char* name, unsigned count,
            std::chrono::milliseconds beat = std::chrono::seconds(1));
  ~IoThreads() { join(); }
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;

  /// Stops the io_context.
  void join();

  /// The longest time that a thread has not returned. May be called from any thread.
  [[nodiscard]] std::chrono::nanoseconds longest_absence() const;

 private:
  void run(std::atomic<clock::Steady::time_point>& came_back);

  boost::asio::io_context& io_;
  const std::chrono::milliseconds beat_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::vector<std::atomic<clock::Steady::time_point>> came_back_;  ///< one per thread
  std::vector<std::thread> threads_;
};

}  // namespace receiver::http
