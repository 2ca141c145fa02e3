#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>

#include "cmd/receiverctl/context.h"

namespace receiver::ctl {

/// The completion script for the commands and options of `app`, in that shell's language.
[[nodiscard]] std::string bash_completion(const CLI::App& app);
[[nodiscard]] std::string zsh_completion(const CLI::App& app);
[[nodiscard]] std::string fish_completion(const CLI::App& app);
/// The manual page receiverctl(1): the text of every `--help`.
[[nodiscard]] std::string man_page(const CLI::App& app);

/// Called by this name, the program completes `kubectl bitbucket-receiver WORD…`.
inline constexpr std::string_view kKubectlCompleter = "kubectl_complete-bitbucket_receiver";
/// The answer to kubectl: the possible last words, one per line; the last line says whether a file
/// is possible too (`:0`) or not (`:4`).
[[nodiscard]] std::string kubectl_completion(const CLI::App& app,
                                             const std::vector<std::string>& words);

/// `completion`: prints one of the above.
void add_completion(CLI::App& app, Context& context);

}  // namespace receiver::ctl
