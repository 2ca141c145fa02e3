#pragma once

#include <CLI/CLI.hpp>

#include "cmd/receiverctl/context.h"

namespace receiver::ctl {

/// `receiverctl unregister`: deletes a receiver's webhooks from repositories.
void add_unregister(CLI::App& app, Context& context);

}  // namespace receiver::ctl
