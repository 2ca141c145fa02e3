#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

/// For all fuzz targets. Each target is one file that defines `fuzz`; libFuzzer calls it with
/// generated inputs (`make fuzz`), replay.cpp with those of the corpus (all other builds).
namespace receiver::fuzz {

/// Examines one input. Must not depend on earlier inputs.
void fuzz(std::string_view input);

/// Ends the process, as a sanitizer's finding does, unless `kept` is true.
void require(bool kept, std::string_view promise);
/// The same, for two texts that must be equal.
void require_equal(std::string_view left, std::string_view right, std::string_view promise);

/// Cuts the remaining bytes into pieces, as a network would: returns the size of the next piece,
/// never 0.
using Cut = std::function<std::size_t(std::size_t remaining)>;

/// Calls `examine` with several ways to cut this input: whole, byte by byte, and pieces whose sizes
/// depend only on its content, so that a finding can be reproduced.
void for_each_cut(std::string_view input, const std::function<void(const Cut&)>& examine);

}  // namespace receiver::fuzz
