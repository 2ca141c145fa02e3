#pragma once

#include <cstddef>
#include <string>

#include <tl/expected.hpp>

namespace receiver::text {

/// Largest size of a kubeconfig, a token, a PEM file or a settings file.
inline constexpr std::size_t kMaxFileBytes = 1024UL * 1024;

/// Reads a whole file. The error is the reason ("No such file or directory", "larger than …"),
/// without the path. If the file keeps its size while it is read, as a key file does, only the
/// returned bytes stay in memory.
[[nodiscard]] tl::expected<std::string, std::string> read_small_file(
    const std::string& path, std::size_t max_bytes = kMaxFileBytes);

}  // namespace receiver::text
