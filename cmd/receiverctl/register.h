#pragma once

#include <CLI/CLI.hpp>

#include "cmd/receiverctl/context.h"

namespace receiver::ctl {

/// `receiverctl register`: creates and corrects a receiver's webhooks.
void add_register(CLI::App& app, Context& context);

}  // namespace receiver::ctl
