#include "webhook/content_encoding.h"

#include <array>
#include <limits>
#include <new>
#include <zlib.h>

#include "text/ascii.h"

namespace receiver::webhook {
namespace {

constexpr std::size_t kPieceBytes = 16 * 1024;
/// zlib's code for "the largest window, and a gzip header".
constexpr int kGzipWindow = 15 + 16;

/// zlib counts its input in 32 bits.
constexpr std::size_t kMaxCompressedBytes = std::numeric_limits<uInt>::max();

struct Inflater {
  Inflater() {
    if (inflateInit2(&stream, kGzipWindow) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream stream{};
};

}  // namespace

bool is_gzip(std::string_view content_encoding) {
  return text::equal_ignoring_case(content_encoding, "gzip") ||
         text::equal_ignoring_case(content_encoding, "x-gzip");
}

tl::expected<std::string, InflateError> inflate_gzip(std::string_view compressed,
                                                     std::size_t max_bytes) {
  if (compressed.size() > kMaxCompressedBytes) return tl::unexpected(InflateError::kTooLarge);
  Inflater inflater;
  z_stream& stream = inflater.stream;
  // zlib takes a pointer to non-const, but does not write to its input.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::array<char, kPieceBytes> piece;
  std::string inflated;
  int result = Z_OK;
  while (result == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    result = inflate(&stream, Z_NO_FLUSH);
    const std::size_t bytes = piece.size() - stream.avail_out;
    if (bytes > max_bytes - inflated.size()) return tl::unexpected(InflateError::kTooLarge);
    inflated.append(piece.data(), bytes);
    // A gzip file may have several members, one after another.
    if (result == Z_STREAM_END && stream.avail_in > 0) result = inflateReset(&stream);
  }
  if (result != Z_STREAM_END) return tl::unexpected(InflateError::kMalformed);
  return inflated;
}

}  // namespace receiver::webhook
