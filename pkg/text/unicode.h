#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// The part of UTF-8 and Unicode that showing and comparing texts needs.
namespace receiver::text {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;  ///< 0: the text does not begin with valid UTF-8
};
/// The first code point of a non-empty text. Overlong forms and surrogates are invalid.
[[nodiscard]] CodePoint first_code_point(std::string_view text);

/// Appends a character. An invalid one, such as half a surrogate pair, becomes U+FFFD.
void append_utf8(std::string& text, char32_t character);

[[nodiscard]] bool is_utf8(std::string_view text);

/// Whether the byte continues a character that an earlier byte began.
[[nodiscard]] constexpr bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

/// At most `limit` bytes of a text, without splitting a character.
[[nodiscard]] std::string_view cut(std::string_view text, std::size_t limit);

/// Converts letters to lower case, one by one, as Go's `strings` does. Invalid UTF-8 becomes
/// U+FFFD.
[[nodiscard]] std::string unicode_lower(std::string_view text);

/// The text without invisible characters (control, format, any space except the plain one) and
/// without plain spaces at both ends. They come along when people copy a URL.
[[nodiscard]] std::string without_invisible(std::string_view text);

}  // namespace receiver::text
