#pragma once

#include <CLI/App.hpp>

#include "cmd/receiverctl/context.h"

namespace receiver::ctl {

/// `receivers describe`: one receiver, and what a push to each repository would refresh.
void add_describe(CLI::App& receivers, Context& context);

}  // namespace receiver::ctl
