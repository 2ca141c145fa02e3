#pragma once

#include <exception>
#include <string>

#include "log/logger.h"

namespace receiver::log {

/// The completion handler of a coroutine that nobody waits for, in place of Asio's `detached`,
/// which swallows exceptions. One that gets so far is of a kind that cannot happen, and the part
/// that it ended would be missing without a word: the process says so at level error and ends with
/// status 1, so that it is started anew whole.
struct EndOnException {
  Logger logger;
  std::string part;  ///< what has ended, for people: "the worker of a controller"

  void operator()(const std::exception_ptr& thrown) const;
};

}  // namespace receiver::log
