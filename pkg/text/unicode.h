#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// The little of UTF-8 and of Unicode that showing and comparing texts takes.
namespace receiver::text {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;  ///< 0: the text does not begin with valid UTF-8
};
/// The first code point of a text that is not empty. Overlong forms and surrogates are invalid.
[[nodiscard]] CodePoint first_code_point(std::string_view text);

/// What is no character, such as half a surrogate pair, as U+FFFD.
void append_utf8(std::string& text, char32_t character);

[[nodiscard]] bool is_utf8(std::string_view text);

/// Whether the byte goes on with a character that another has begun.
[[nodiscard]] constexpr bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

/// At most so many bytes of a text, and no part of a character.
[[nodiscard]] std::string_view cut(std::string_view text, std::size_t limit);

/// Letters to lower case, one by one, as Go's `strings` has it. Bytes that are no UTF-8 become
/// U+FFFD.
[[nodiscard]] std::string unicode_lower(std::string_view text);

/// Without the characters that cannot be seen (control, format, any space but the plain one), and
/// without plain spaces at both ends: they come along when a URL is copied.
[[nodiscard]] std::string without_invisible(std::string_view text);

}  // namespace receiver::text
