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

/// Also in `receiverctl --help` and in the README.
enum class ExitCode : std::uint8_t {
  kOk = 0,
  kNotWell = 1,        ///< the command did its work, and what it found or was answered is not well
  kUsage = 2,          ///< the command line is wrong
  kUnreachable = 3,    ///< a file, the API server or another server cannot be read or asked, or
                       ///< the output not be written
  kInterrupted = 130,  ///< by Ctrl-C; what was done and what was not has been told. The process
                       ///< dies of the signal
};

/// Why a command could not do its work: one line for people that says what to do. Holds neither a
/// secret nor a receiver's full URL.
struct Failure {
  ExitCode code = ExitCode::kUnreachable;
  std::string message;
};

template <typename T>
using Result = tl::expected<T, Failure>;

[[nodiscard]] inline tl::unexpected<Failure> unreachable(std::string message) {
  return tl::unexpected(Failure{ExitCode::kUnreachable, std::move(message)});
}
/// What the command is about is not there, or not as it should be.
[[nodiscard]] inline tl::unexpected<Failure> not_well(std::string message) {
  return tl::unexpected(Failure{ExitCode::kNotWell, std::move(message)});
}
[[nodiscard]] inline tl::unexpected<Failure> wrong_usage(std::string message) {
  return tl::unexpected(Failure{ExitCode::kUsage, std::move(message)});
}

enum class Format : std::uint8_t {
  kTable,
  kWide,  ///< the table with columns that are left out else
  kJson,
  kYaml,
  kName,
};

/// What every command works with. A command is a function `add_NAME(CLI::App& app, Context&)` in a
/// file of its own: it adds its subcommand to `app`, with a footer of examples, and a callback that
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
  std::ostream& out;            ///< what was asked for, as `format` says
  std::ostream& err;            ///< what is told beside it
  bool colours = false;         ///< `out` is a terminal that wants them
  bool on_terminal = false;     ///< `out` is a terminal: somebody looks on
  std::ostream* bar = nullptr;  ///< the terminal that `err` is, for a line that is written over
  /// Of the terminal that `out` is. Nothing: it is none, and no line is wrapped or cut, since a
  /// program may read it.
  std::optional<std::size_t> columns{};

  // Options of all commands, there when `command` is called.
  std::string kubeconfig{};        ///< empty: as kubectl would look for it
  std::string kube_context{};      ///< empty: the current one
  std::string system_namespace{};  ///< of the ClusterConfig's Secrets; empty: none
  Format format = Format::kTable;
  bool verbose = false;  ///< every request is told on `err`
  /// Of each request. Nothing: as long as each needs.
  std::optional<std::chrono::milliseconds> request_timeout{};

  std::function<Result<ExitCode>()> command{};
};

}  // namespace receiver::ctl
