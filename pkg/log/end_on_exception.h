#pragma once

#include <exception>
#include <string>
#include <utility>

#include "log/logger.h"

namespace receiver::log {

/// The completion handler of a coroutine that runs for as long as the process and that nobody waits
/// for. An exception that leaves it would otherwise be lost, and the process would go on without
/// that part: it would accept nothing, or see no change any more. So an exception is logged and
/// ends the process at once, with exit code 1 and no core dump, which would hold keys. Kubernetes
/// starts it again.
///
///     asio::co_spawn(executor, accept_loop(), log::EndOnException{logger, "the accept loop"});
class EndOnException {
 public:
  EndOnException(Logger logger, std::string part)
      : logger_(std::move(logger)), part_(std::move(part)) {}

  void operator()(const std::exception_ptr& failure) const;

 private:
  Logger logger_;
  std::string part_;
};

}  // namespace receiver::log
