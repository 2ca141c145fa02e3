#pragma once

#include <string>

#include <CLI/App.hpp>

#include "cmd/receiverctl/context.h"

namespace receiver::ctl {

/// What a shell needs to complete the commands and options of `app`, in that shell's own words.
[[nodiscard]] std::string bash_completion(const CLI::App& app);
[[nodiscard]] std::string zsh_completion(const CLI::App& app);
[[nodiscard]] std::string fish_completion(const CLI::App& app);
/// receiverctl(1), in man's own words: what all the `--help` say.
[[nodiscard]] std::string man_page(const CLI::App& app);

/// `completion`: prints one of the above.
void add_completion(CLI::App& app, Context& context);

}  // namespace receiver::ctl
