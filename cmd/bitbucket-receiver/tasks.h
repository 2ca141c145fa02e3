#pragma once

#include <functional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "clock/timer.h"

namespace receiver {

/// The operator's long-running coroutines. All members run on the executor's single thread; the
/// object must outlive the tasks.
class Tasks {
 public:
  /// `failed` is called for each task that ends with an exception.
  using Failed = std::function<void(const std::string& name, const std::string& error)>;
  Tasks(boost::asio::any_io_executor executor, Failed failed);

  void spawn(std::string name, boost::asio::awaitable<void> task);
  /// Completes when no task is left, at the latest at `deadline`.
  boost::asio::awaitable<void> ended(clock::Steady::time_point deadline);

 private:
  const boost::asio::any_io_executor executor_;
  const Failed failed_;
  int running_ = 0;
  clock::Timer one_ended_;
};

}  // namespace receiver
