#pragma once

#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "cmd/receiverctl/context.h"
#include "cmd/receiverctl/receivers.h"

namespace receiver::ctl {

/// `wait`: until receivers are ready.
void add_wait(CLI::App& app, Context& context);

/// Why the receivers of a project are not ready yet, all of them, or only that one if it is named:
/// one line each; empty if they are. There must be one at least. Pure.
[[nodiscard]] std::vector<std::string> missing_for_ready(
    const std::vector<ReceiverState>& receivers, const std::string& project,
    const std::string& receiver);

}  // namespace receiver::ctl
