#include "text/ascii.h"

#include <string>

#include <catch2/catch.hpp>

namespace receiver::text {

TEST_CASE("letters and digits are those of ASCII") {
  std::string letters, digits, hex_digits, visible;
  for (int byte = 0; byte < 256; ++byte) {
    const char character = static_cast<char>(byte);
    if (is_letter(character)) letters += character;
    if (is_digit(character)) digits += character;
    if (is_hex_digit(character)) hex_digits += character;
    if (is_visible(character)) visible += character;
    CHECK(is_alphanumeric(character) == (is_letter(character) || is_digit(character)));
    CHECK((hex_value(character) == -1) == !is_hex_digit(character));
  }
  CHECK(letters == "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
  CHECK(digits == "0123456789");
  CHECK(hex_digits == "0123456789ABCDEFabcdef");
  CHECK(visible.size() == 94);
  CHECK((visible.front() == '!' && visible.back() == '~'));
  CHECK(hex_value('9') == 9);
  CHECK((hex_value('a') == 10 && hex_value('F') == 15));
}

TEST_CASE("the case of ASCII letters alone is folded") {
  CHECK(ascii_lower("@AZ[`az{ 19 \u00c4\u212a") == "@az[`az{ 19 \u00c4\u212a");
  CHECK(ascii_upper("@AZ[`az{ 19 \u00e4") == "@AZ[`AZ{ 19 \u00e4");
  CHECK(equal_ignoring_case("Content-TYPE", "content-type"));
  CHECK(equal_ignoring_case("", ""));
  CHECK_FALSE(equal_ignoring_case("[", "{"));
  CHECK_FALSE(equal_ignoring_case("gzip", "gzip "));
  CHECK_FALSE(equal_ignoring_case("k", "\u212a"));
}

TEST_CASE("a number is of digits, and a word of visible characters") {
  CHECK((is_number("0") && is_number("0123456789")));
  for (const char* text : {"", " 1", "1 ", "-1", "+1", "1.0", "0x1"}) CHECK_FALSE(is_number(text));
  CHECK((is_one_word("a") && is_one_word("!~")));
  for (const char* text : {"", " ", "a b", "a\n", "\x7f", "\u00e4"}) CHECK_FALSE(is_one_word(text));
}

TEST_CASE("a text is a number as a whole, or it is none") {
  CHECK(parse_number<unsigned short>("65535") == 65535);
  for (const char* text : {"", "65536", "-1", "+1", " 1", "1 ", "1x", "0x1"}) {
    CHECK(parse_number<unsigned short>(text) == std::nullopt);
  }
  CHECK(parse_number<int>("-7") == -7);
}

TEST_CASE("blanks are trimmed at both ends") {
  CHECK(trim(" \t\r\n a b \n") == "a b");
  CHECK(trim("a") == "a");
  CHECK(trim(" \t\r\n").empty());
  CHECK(trim("").empty());
  CHECK(trim("\va\v") == "\va\v");
}

}  // namespace receiver::text
