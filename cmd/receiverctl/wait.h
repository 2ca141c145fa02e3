#pragma once

#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "cmd/receiverctl/context.h"
#include "cmd/receiverctl/receivers.h"

namespace receiver::ctl {

/// `wait`: waits until receivers are ready.
void add_wait(CLI::App& app, Context& context);

/// Why the receivers of a project, or the named one, are not ready: one line each; empty if they
/// are. No receiver is an error. Pure.
[[nodiscard]] std::vector<std::string> missing_for_ready(
    const std::vector<ReceiverState>& receivers, const std::string& project,
    const std::string& receiver);

}  // namespace receiver::ctl
