#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

/// Bodies that a proxy has compressed on their way. Bitbucket itself compresses none.
namespace receiver::webhook {

/// Whether this Content-Encoding means gzip.
[[nodiscard]] bool is_gzip(std::string_view content_encoding);

enum class InflateError : std::uint8_t {
  kMalformed,  ///< no gzip, damaged or cut short
  kTooLarge,   ///< it inflates to more than the bound
};

/// What the gzip stream holds. Memory and time are bounded by `max_bytes`, whatever the stream
/// claims.
[[nodiscard]] tl::expected<std::string, InflateError> inflate_gzip(std::string_view compressed,
                                                                   std::size_t max_bytes);

}  // namespace receiver::webhook
