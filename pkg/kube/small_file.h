#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace receiver::kube {

/// The most that a kubeconfig, a token or a PEM file may hold.
inline constexpr std::size_t kMaxFileBytes = 1024UL * 1024;

/// The whole of a file. The error says why not ("no such file", "larger than …"), without the path.
[[nodiscard]] tl::expected<std::string, std::string> read_small_file(const std::string& path);

/// Without blanks and line ends at either end, as tokens in files are meant.
[[nodiscard]] std::string_view trim(std::string_view text);

/// Whether a text may stand in an Authorization header as a bearer token: visible ASCII only, and
/// not empty.
[[nodiscard]] bool is_token(std::string_view text);

}  // namespace receiver::kube
