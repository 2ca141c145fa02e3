#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/ascii.h"

/// Percent-encoding (RFC 3986).
namespace receiver::text {

/// Characters that no part of a URL needs to escape.
[[nodiscard]] constexpr bool is_unreserved(char character) {
  return is_alphanumeric(character) || character == '-' || character == '.' || character == '_' ||
         character == '~';
}

/// Keeps a character for which `is_kept` is true, and writes any other as `%41`.
template <class Predicate>
[[nodiscard]] std::string percent_encode(std::string_view text, Predicate is_kept) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char character : text) {
    if (is_kept(character)) {
      encoded += character;
      continue;
    }
    const auto byte = static_cast<unsigned char>(character);
    encoded += '%';
    encoded += kDigits[byte >> 4U];
    encoded += kDigits[byte & 0xFU];
  }
  return encoded;
}

[[nodiscard]] inline std::string percent_encode(std::string_view text) {
  return percent_encode(text, is_unreserved);
}

/// Decodes `%41` to `A`; nothing if two hex digits do not follow a `%`.
[[nodiscard]] inline std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

}  // namespace receiver::text
