#include "cmd/receiverctl/duration.h"

#include "clock/clock.h"

namespace receiver::ctl {

std::optional<std::chrono::milliseconds> read_duration(const std::string& text) {
  const bool bare = text.find_first_not_of("0123456789") == std::string::npos;
  const auto time = clock::parse_duration(bare ? text + "s" : text);
  if (!time) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(*time);
}

}  // namespace receiver::ctl
