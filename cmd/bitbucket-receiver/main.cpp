#include <cstdio>
#include <exception>
#include <sys/resource.h>
#include <utility>

#include "cmd/bitbucket-receiver/operator.h"
#include "cmd/bitbucket-receiver/settings.h"
#include "cmd/private_memory.h"
#include "log/logger.h"

namespace {

/// Every connection takes a descriptor, and so does the watch of every project's Secrets; many
/// container runtimes give 1,024 to begin with, and more to who asks.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  receiver::keep_memory_private();
  try {
    auto settings = receiver::parse_settings(argc, argv, receiver::process_environment);
    if (!settings) {
      const receiver::EarlyExit& exit = settings.error();
      std::fputs(exit.text.c_str(), exit.code == 0 ? stdout : stderr);
      return exit.code;
    }
    const auto logger = receiver::log::Logger::to_stderr(settings->log_level, settings->log_format);
    raise_descriptor_limit();
    receiver::Operator op(std::move(*settings), logger);
    const auto exit_code = op.run();
    if (exit_code) return *exit_code;
    logger.error("cannot run", {{"error", exit_code.error()}});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bitbucket-receiver: %s\n", error.what());
  }
  return 1;
}
