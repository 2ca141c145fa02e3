#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

/// What the fuzz targets share. Each target is one file that defines `fuzz`; libFuzzer calls it
/// with inputs of its own (`make fuzz`), replay.cpp with those of the corpus (every other build).
namespace receiver::fuzz {

/// Examines one input. Must not depend on those before it.
void fuzz(std::string_view input);

/// Ends the process, as a sanitizer's finding does, unless the promise is kept.
void require(bool kept, std::string_view promise);
/// The same, for two texts that must be one.
void require_equal(std::string_view left, std::string_view right, std::string_view promise);

/// Bytes that remain to be fed in pieces, as a network would cut them: some way to take the next.
/// Never takes nothing.
using Cut = std::function<std::size_t(std::size_t remaining)>;

/// Calls `examine` with several ways to cut this input: whole, byte by byte, and pieces of sizes
/// that depend on its content alone, so that a finding can be reproduced.
void for_each_cut(std::string_view input, const std::function<void(const Cut&)>& examine);

}  // namespace receiver::fuzz
