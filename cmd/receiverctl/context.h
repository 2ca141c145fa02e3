#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "cmd/environment.h"

namespace receiver::ctl {

/// Also in `receiverctl --help` and in docs/receiverctl.md.
enum class ExitCode : std::uint8_t {
  kOk = 0,
  kNotWell = 1,        ///< the command is done, and found a problem
  kUsage = 2,          ///< the command line is wrong
  kUnreachable = 3,    ///< a file cannot be read, a server cannot be reached, or
                       ///< the output cannot be written
  kInterrupted = 130,  ///< by Ctrl-C, after the report of what was done. The process
                       ///< dies of the signal
};

/// Why a command failed: one line for people that says what to do. Contains neither a secret nor a
/// receiver's full URL.
struct Failure {
  ExitCode code = ExitCode::kUnreachable;
  std::string message;
};

template <typename T>
using Result = tl::expected<T, Failure>;

[[nodiscard]] inline tl::unexpected<Failure> unreachable(std::string message) {
  return tl::unexpected(Failure{ExitCode::kUnreachable, std::move(message)});
}
/// The command's object does not exist, or is not as it should be.
[[nodiscard]] inline tl::unexpected<Failure> not_well(std::string message) {
  return tl::unexpected(Failure{ExitCode::kNotWell, std::move(message)});
}
[[nodiscard]] inline tl::unexpected<Failure> wrong_usage(std::string message) {
  return tl::unexpected(Failure{ExitCode::kUsage, std::move(message)});
}

enum class Format : std::uint8_t {
  kTable,
  kWide,  ///< the table with more columns
  kJson,
  kYaml,
  kName,
};

/// What every command works with. A command is a function `add_NAME(CLI::App& app, Context&)` in
/// its own file: it adds its subcommand to `app`, with a footer of examples, and a callback that
/// sets `command`, which is called once the whole command line has been read:
///
///   void add_url(CLI::App& app, Context& context) {
///     const auto options = std::make_shared<UrlOptions>();
///     CLI::App* command = app.add_subcommand("url", "…");
///     add_whose(*command, options->whose);
///     command->footer("Examples:\n  …");
///     command->callback([&context, options] {
///       context.command = [&context, options] { return print_url(context, *options); };
///     });
///   }
///
/// Its call stands in cli.cpp, in the order of the help.
struct Context {
  Environment environment;
  std::istream& in;
  std::ostream& out;            ///< the result, as `format` says
  std::ostream& err;            ///< messages
  bool colours = false;         ///< `out` is a terminal that wants them
  bool on_terminal = false;     ///< `out` is a terminal
  std::ostream* bar = nullptr;  ///< the terminal that `err` is, for a line that is written over
  /// Width of the terminal `out`. Nothing: it is not a terminal, so no line is wrapped or cut,
  /// because a program may read it.
  std::optional<std::size_t> columns{};

  // Options of all commands, there when `command` is called.
  std::string kubeconfig{};        ///< empty: as kubectl would look for it
  std::string kube_context{};      ///< empty: the current one
  std::string system_namespace{};  ///< of the ClusterConfig's Secrets; empty: none
  Format format = Format::kTable;
  bool verbose = false;  ///< every request is shown on `err`
  /// Timeout of each request. Nothing: each request has its own default.
  std::optional<std::chrono::milliseconds> request_timeout{};

  /// Interval at which `--watch` and `--follow` look at the cluster again.
  std::chrono::milliseconds look_again{2'000};

  std::function<Result<ExitCode>()> command{};
};

}  // namespace receiver::ctl
