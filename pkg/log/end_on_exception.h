#pragma once

#include <exception>
#include <string>
#include <utility>

#include "log/logger.h"

namespace receiver::log {

/// The completion handler of a coroutine that runs as long as the process and that nobody waits
/// for. Without it, an exception would be lost and the process would continue without that
/// component: it would accept nothing, or see no more changes. With it, the exception is logged and
/// the process exits at once, with code 1 and no core dump, which would contain keys. Kubernetes
/// restarts it.
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
