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
    std::ostream bar(std::cerr.rdbuf());
    Context context{.environment = receiver::process_environment,
                    .in = std::cin,
                    .out = std::cout,
                    .err = std::cerr,
                    .colours = wants_colours(),
                    .on_terminal = ::isatty(STDOUT_FILENO) == 1,
                    .bar = ::isatty(STDERR_FILENO) == 1 ? &bar : nullptr};
    const int code = receiver::ctl::run(argc, argv, context);
    if (code != static_cast<int>(receiver::ctl::ExitCode::kInterrupted)) return code;
    // A shell ends a loop over commands only if it sees the signal.
    std::cout << std::flush;
    (void)std::signal(SIGINT, SIG_DFL);
    (void)std::raise(SIGINT);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "receiverctl: %s\n", receiver::log::printable(error.what()).c_str());
  }
  return static_cast<int>(receiver::ctl::ExitCode::kUnreachable);
}
