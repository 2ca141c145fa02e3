#include <cstdio>
#include <exception>
#include <malloc.h>
#include <sys/resource.h>
#include <utility>

#include "cmd/bitbucket-receiver/operator.h"
#include "cmd/bitbucket-receiver/settings.h"
#include "cmd/private_memory.h"
#include "log/logger.h"

namespace {

/// Every connection needs a descriptor, and so does the watch of every project's Secrets. Many
/// container runtimes start with a limit of 1,024, and allow more on request.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Large data is short-lived: lists, events, bodies. Return blocks of that size to the system when
/// they are freed; by default glibc starts to keep them.
void give_large_blocks_back() {
  (void)::mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  (void)::mallopt(M_TRIM_THRESHOLD, 128 * 1024);
}

}  // namespace

int main(int argc, char** argv) {
  receiver::keep_memory_private();
  give_large_blocks_back();
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
