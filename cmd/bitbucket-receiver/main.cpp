#include <cstdio>
#include <exception>
#include <utility>

#include "cmd/bitbucket-receiver/operator.h"
#include "cmd/bitbucket-receiver/settings.h"
#include "log/logger.h"

int main(int argc, char** argv) {
  try {
    auto settings = receiver::parse_settings(argc, argv, receiver::process_environment);
    if (!settings) {
      const receiver::EarlyExit& exit = settings.error();
      std::fputs(exit.text.c_str(), exit.code == 0 ? stdout : stderr);
      return exit.code;
    }
    const auto logger = receiver::log::Logger::to_stderr(settings->log_level, settings->log_format);
    receiver::Operator op(std::move(*settings), logger);
    const auto exit_code = op.run();
    if (exit_code) return *exit_code;
    logger.error("cannot run", {{"error", exit_code.error()}});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bitbucket-receiver: %s\n", error.what());
  }
  return 1;
}
