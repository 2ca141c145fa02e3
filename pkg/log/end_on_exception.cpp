#include "log/end_on_exception.h"

#include <cstdio>
#include <cstdlib>

namespace receiver::log {

void EndOnException::operator()(const std::exception_ptr& thrown) const {
  if (!thrown) return;
  std::string error = "of unknown type";
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& failure) {
    error = failure.what();
  } catch (...) {  // NOLINT(bugprone-empty-catch): nothing is known of it
  }
  logger.error("a part of the operator failed, which must not happen: the process ends",
               {{"part", part}, {"error", error}});
  static_cast<void>(std::fflush(nullptr));
  // No destructors: other threads are in the midst of what these would destroy.
  std::_Exit(EXIT_FAILURE);
}

}  // namespace receiver::log
