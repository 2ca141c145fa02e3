#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <unistd.h>

#include "cmd/environment.h"
#include "cmd/private_memory.h"
#include "cmd/receiverctl/cli.h"
#include "log/printable.h"

namespace {

/// https://no-color.org
bool wants_colours() {
  using receiver::process_environment;
  return ::isatty(STDOUT_FILENO) == 1 && process_environment("NO_COLOR").value_or("").empty() &&
         process_environment("TERM").value_or("") != "dumb";
}

}  // namespace

int main(int argc, char** argv) {
  using receiver::ctl::Context;
  receiver::keep_memory_private();
  // A peer that hangs up is an error to tell of, not the end.
  (void)std::signal(SIGPIPE, SIG_IGN);
  try {
    Context context{.environment = receiver::process_environment,
                    .in = std::cin,
                    .out = std::cout,
                    .err = std::cerr,
                    .colours = wants_colours()};
    return receiver::ctl::run(argc, argv, context);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "receiverctl: %s\n", receiver::log::printable(error.what()).c_str());
  }
  return static_cast<int>(receiver::ctl::ExitCode::kUnreachable);
}
