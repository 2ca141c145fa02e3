#pragma once

namespace receiver::git {

/// Of ASCII, whatever the locale.
[[nodiscard]] constexpr bool is_digit(char character) {
  return character >= '0' && character <= '9';
}

[[nodiscard]] constexpr bool is_letter(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

}  // namespace receiver::git
