#include <csignal>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <iostream>
#include <optional>
#include <string>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/environment.h"
#include "cmd/private_memory.h"
#include "cmd/receiverctl/cli.h"
#include "cmd/receiverctl/interruption.h"
#include "log/printable.h"
#include "text/ascii.h"

namespace {

/// https://no-color.org
bool wants_colours() {
  using receiver::process_environment;
  return ::isatty(STDOUT_FILENO) == 1 && process_environment("NO_COLOR").value_or("").empty() &&
         process_environment("TERM").value_or("") != "dumb";
}

/// The width of the terminal at standard output: from COLUMNS, or the terminal itself.
std::optional<std::size_t> columns() {
  if (::isatty(STDOUT_FILENO) != 1) return std::nullopt;
  constexpr std::size_t kUsual = 80;
  const std::string told = receiver::process_environment("COLUMNS").value_or("");
  std::size_t columns = receiver::text::parse_number<std::size_t>(told).value_or(0);
  winsize size{};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
  if (columns == 0 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) columns = size.ws_col;
  return columns == 0 ? kUsual : columns;
}

/// Otherwise the next file or connection would get the number of a closed standard descriptor, and
/// receive the output. Read-only, so that output is an error.
void occupy_standard_descriptors() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) < 0) (void)::open("/dev/null", O_RDONLY);
  }
}

}  // namespace

int main(int argc, char** argv) {
  using receiver::ctl::Context;
  occupy_standard_descriptors();
  receiver::keep_memory_private();
  // A closed connection is an error to report; it must not end the process.
  (void)std::signal(SIGPIPE, SIG_IGN);
  try {
    std::ostream bar(std::cerr.rdbuf());
    Context context{.environment = receiver::process_environment,
                    .in = std::cin,
                    .out = std::cout,
                    .err = std::cerr,
                    .colours = wants_colours(),
                    .on_terminal = ::isatty(STDOUT_FILENO) == 1,
                    .bar = ::isatty(STDERR_FILENO) == 1 ? &bar : nullptr,
                    .columns = columns()};
    const int code = receiver::ctl::run(argc, argv, context);
    if (code != static_cast<int>(receiver::ctl::ExitCode::kInterrupted)) return code;
    // A shell ends a loop over commands only if it sees the signal.
    std::cout << std::flush;
    const int number = receiver::ctl::Interruption::signal();
    (void)std::signal(number, SIG_DFL);
    (void)std::raise(number);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "receiverctl: %s\n", receiver::log::printable(error.what()).c_str());
  }
  return static_cast<int>(receiver::ctl::ExitCode::kUnreachable);
}
