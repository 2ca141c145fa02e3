#include "cmd/version.h"

#include <sys/utsname.h>

#include <fmt/format.h>

namespace receiver {

std::string version_line(std::string_view program) {
  return fmt::format("{} {} ({}, {})", program, version(), commit(), commit_date());
}

std::string user_agent(std::string_view program) {
  utsname system{};
  uname(&system);
  return fmt::format("{}/{} ({}/{}) {}", program, version(), system.sysname, system.machine,
                     commit());
}

}  // namespace receiver
