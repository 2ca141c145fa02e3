#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

/// ASCII functions that ignore the locale: a byte outside of ASCII is not a letter and never
/// changes.
namespace receiver::text {

[[nodiscard]] constexpr bool is_digit(char character) {
  return character >= '0' && character <= '9';
}

[[nodiscard]] constexpr bool is_letter(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

[[nodiscard]] constexpr bool is_alphanumeric(char character) {
  return is_letter(character) || is_digit(character);
}

[[nodiscard]] constexpr char lower(char character) {
  return character >= 'A' && character <= 'Z' ? static_cast<char>(character - 'A' + 'a')
                                              : character;
}

[[nodiscard]] constexpr char upper(char character) {
  return character >= 'a' && character <= 'z' ? static_cast<char>(character - 'a' + 'A')
                                              : character;
}

/// The digit's value, 0 to 15, or -1.
[[nodiscard]] constexpr int hex_value(char digit) {
  if (is_digit(digit)) return digit - '0';
  const char letter = lower(digit);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

[[nodiscard]] constexpr bool is_hex_digit(char character) {
  return hex_value(character) >= 0;
}

/// Neither a blank nor a control character.
[[nodiscard]] constexpr bool is_visible(char character) {
  return character > ' ' && character < '\x7f';
}

[[nodiscard]] inline std::string ascii_lower(std::string_view text) {
  std::string lowered(text);
  std::ranges::transform(lowered, lowered.begin(), lower);
  return lowered;
}

[[nodiscard]] inline std::string ascii_upper(std::string_view text) {
  std::string raised(text);
  std::ranges::transform(raised, raised.begin(), upper);
  return raised;
}

[[nodiscard]] constexpr bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, {}, lower, lower);
}

/// At least one character, and only digits.
[[nodiscard]] constexpr bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_digit);
}

/// The number that the whole text is; nothing if it is not a number, or too large for T.
template <class T>
[[nodiscard]] std::optional<T> parse_number(std::string_view text) {
  T number{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && rest == end ? std::optional(number) : std::nullopt;
}

/// At least one character, and only visible ASCII: what a token in an Authorization header may
/// contain.
[[nodiscard]] constexpr bool is_one_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_visible);
}

/// The text without blanks and line ends at both ends.
[[nodiscard]] constexpr std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
  const std::size_t end = text.find_last_not_of(kBlanks) + 1;  // 0 if there are blanks only
  return text.substr(begin, std::max(begin, end) - begin);
}

}  // namespace receiver::text
