#pragma once

#include <memory>
#include <string>

#include <CLI/App.hpp>

#include "cmd/receiverctl/context.h"

namespace receiver::ctl {

/// The grammar of the command line: every command with its options. Empty values are rejected: they
/// come from unset shell variables, and ignoring the option could select more than was meant.
[[nodiscard]] std::unique_ptr<CLI::App> make_app(const std::string& program, Context& context);

/// Reads the command line and does what it says. Returns the process's exit code. All output is
/// made printable on its way.
[[nodiscard]] int run(int argc, const char* const* argv, Context& context);

}  // namespace receiver::ctl
