#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>

#include "cmd/receiverctl/context.h"

namespace receiver::ctl {

/// What a shell needs to complete the commands and options of `app`, in that shell's own words.
[[nodiscard]] std::string bash_completion(const CLI::App& app);
[[nodiscard]] std::string zsh_completion(const CLI::App& app);
[[nodiscard]] std::string fish_completion(const CLI::App& app);
/// receiverctl(1), in man's own words: what all the `--help` say.
[[nodiscard]] std::string man_page(const CLI::App& app);

/// Called by this name, the program completes `kubectl bitbucket-receiver WORD…`.
inline constexpr std::string_view kKubectlCompleter = "kubectl_complete-bitbucket_receiver";
/// What kubectl is told then: the words that may stand in place of the last one, one a line, and in
/// the last line whether a file may, too (`:0`) or not (`:4`).
[[nodiscard]] std::string kubectl_completion(const CLI::App& app,
                                             const std::vector<std::string>& words);

/// `completion`: prints one of the above.
void add_completion(CLI::App& app, Context& context);

}  // namespace receiver::ctl
