#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>

namespace receiver::ctl {

/// How many letters must be added, removed, replaced, or swapped with a neighbor to turn one word
/// into the other.
[[nodiscard]] std::size_t edit_distance(std::string_view left, std::string_view right);

/// The word that was probably meant: at most a third of its letters are wrong, or the rest is
/// missing. Empty if none is close.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);

/// A sentence about the first word of the command line that is neither a command nor an option,
/// with a suggestion. Empty if all are known.
[[nodiscard]] std::string unknown_word(const CLI::App& program,
                                       const std::vector<std::string>& words);

}  // namespace receiver::ctl
