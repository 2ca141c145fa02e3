#pragma once

#include <CLI/CLI.hpp>

#include "cmd/receiverctl/context.h"

namespace receiver::ctl {

/// `receiverctl register`: makes the webhooks of repositories what a receiver needs.
void add_register(CLI::App& app, Context& context);

}  // namespace receiver::ctl
