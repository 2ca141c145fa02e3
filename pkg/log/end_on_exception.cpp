#include "log/end_on_exception.h"

#include <cstdlib>

namespace receiver::log {

void EndOnException::operator()(const std::exception_ptr& failure) const {
  if (!failure) return;
  std::string error = "not a std::exception";
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& exception) {
    error = exception.what();
  } catch (...) {
  }
  logger_.error("a component of the operator failed; the process exits",
                {{"component", part_}, {"error", error}});
  std::_Exit(1);  // the line is written already: standard error has no buffer
}

}  // namespace receiver::log
