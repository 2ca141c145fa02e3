#include "cmd/version.h"

#include <sys/utsname.h>

#include <fmt/format.h>

namespace receiver {

std::string_view version() {
  return RECEIVER_VERSION;
}

std::string_view commit() {
  return RECEIVER_COMMIT;
}

std::string user_agent(std::string_view program) {
  utsname system{};
  uname(&system);
  return fmt::format("{}/{} ({}/{}) {}", program, version(), system.sysname, system.machine,
                     commit());
}

}  // namespace receiver
