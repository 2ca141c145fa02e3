#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

/// Bodies that a proxy has compressed. Bitbucket itself compresses none.
namespace receiver::webhook {

/// Whether this Content-Encoding means gzip.
[[nodiscard]] bool is_gzip(std::string_view content_encoding);

enum class InflateError : std::uint8_t {
  kMalformed,  ///< not gzip, damaged or truncated
  kTooLarge,   ///< the content is larger than the limit
};

/// The content of the gzip stream. `max_bytes` limits memory and time, whatever the stream claims.
[[nodiscard]] tl::expected<std::string, InflateError> inflate_gzip(std::string_view compressed,
                                                                   std::size_t max_bytes);

}  // namespace receiver::webhook
