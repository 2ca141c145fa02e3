#pragma once

#include <cstddef>
#include <string>

#include <tl/expected.hpp>

namespace receiver::text {

/// The most that a kubeconfig, a token, a PEM file or a file of settings may hold.
inline constexpr std::size_t kMaxFileBytes = 1024UL * 1024;

/// The whole of a file. The error says why not ("No such file or directory", "larger than …"),
/// without the path. Of a file that keeps its size while it is read, such as one with a key, no
/// bytes are left in memory but those that are returned.
[[nodiscard]] tl::expected<std::string, std::string> read_small_file(
    const std::string& path, std::size_t max_bytes = kMaxFileBytes);

}  // namespace receiver::text
