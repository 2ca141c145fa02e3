#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include <tl/expected.hpp>

#include "cmd/environment.h"

namespace receiver::ctl {

/// Also in `receiverctl --help` and in the README.
enum class ExitCode : std::uint8_t {
  kOk = 0,
  kNotWell = 1,        ///< the command did its work, and what it found or was answered is not well
  kUsage = 2,          ///< the command line is wrong
  kUnreachable = 3,    ///< a file, the API server or another server cannot be read or asked
  kInterrupted = 130,  ///< by Ctrl-C; what was done and what was not has been told
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

enum class Format : std::uint8_t { kTable, kJson };

/// What every command works with. A command is a function `add_NAME(CLI::App& app, Context&)` in a
/// file of its own: it adds its subcommand to `app`, with a footer of examples, and a callback that
/// sets `command`, which is called once the whole command line has been read:
///
///   void add_url(CLI::App& app, Context& context) {
///     const auto options = std::make_shared<UrlOptions>();
///     CLI::App* command = app.add_subcommand("url", "…");
///     command->add_option("--project", options->project, "…")->option_text("P");
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

  // Options of all commands, there when `command` is called.
  std::string kubeconfig{};        ///< empty: as kubectl would look for it
  std::string kube_context{};      ///< empty: the current one
  std::string system_namespace{};  ///< of the ClusterConfig's Secrets; empty: none
  Format format = Format::kTable;

  std::function<Result<ExitCode>()> command{};
};

}  // namespace receiver::ctl
