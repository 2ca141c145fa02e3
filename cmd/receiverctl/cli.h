#pragma once

#include "cmd/receiverctl/context.h"

namespace receiver::ctl {

/// Reads the command line and does what it says. Returns the process's exit code.
[[nodiscard]] int run(int argc, const char* const* argv, Context& context);

}  // namespace receiver::ctl
