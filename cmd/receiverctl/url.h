#pragma once

#include <CLI/App.hpp>

#include "cmd/receiverctl/context.h"

namespace receiver::ctl {

/// `url`: a receiver's URL, computed from its parts without any cluster.
void add_url(CLI::App& app, Context& context);

}  // namespace receiver::ctl
