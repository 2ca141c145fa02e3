// Compressed bodies.

#include "test/fuzz/fuzz.h"
#include "webhook/content_encoding.h"

namespace receiver::fuzz {

void fuzz(std::string_view input) {
  using webhook::InflateError;
  constexpr std::size_t kLarge = 256 * 1024;
  const auto inflated = webhook::inflate_gzip(input, kLarge);
  if (!inflated) {
    require(inflated.error() == InflateError::kTooLarge || !webhook::inflate_gzip(input, 1),
            "what is damaged is so under any bound");
    return;
  }
  require(inflated->size() <= kLarge, "what comes out is bounded");
  require(webhook::inflate_gzip(input, inflated->size()) == *inflated, "the bound may be reached");
  if (inflated->empty()) return;
  const auto refused = webhook::inflate_gzip(input, inflated->size() - 1);
  require(!refused && refused.error() == InflateError::kTooLarge, "the bound may not be exceeded");
}

}  // namespace receiver::fuzz
