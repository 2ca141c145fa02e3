#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>

namespace receiver::ctl {

/// How many letters must be added, left out, replaced, or swapped with a neighbour to make one word
/// of the other.
[[nodiscard]] std::size_t edit_distance(std::string_view left, std::string_view right);

/// The word that was meant, if it is one of these: at most a third of the letters is wrong, or the
/// rest is left out. Empty: none is near.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);

/// About the first word of the command line that is neither a command nor an option, in a sentence
/// that names the one that was meant. Empty: all are known.
[[nodiscard]] std::string unknown_word(const CLI::App& program,
                                       const std::vector<std::string>& words);

}  // namespace receiver::ctl
