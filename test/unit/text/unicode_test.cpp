#include "text/unicode.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace receiver::text {

TEST_CASE("the first code point is that of valid UTF-8, in its shortest form") {
  struct Row {
    std::string text;
    char32_t value;
    std::size_t bytes;
  };
  const std::vector<Row> rows{
      {std::string("\0a", 2), 0, 1},
      {"\x7f", 0x7F, 1},
      {"\xc2\x80rest", 0x80, 2},
      {"\xdf\xbf", 0x7FF, 2},
      {"\xe0\xa0\x80", 0x800, 3},
      {"\xed\x9f\xbf", 0xD7FF, 3},
      {"\xee\x80\x80", 0xE000, 3},
      {"\xef\xbf\xbf", 0xFFFF, 3},
      {"\xf0\x90\x80\x80", 0x10000, 4},
      {"\xf4\x8f\xbf\xbf", 0x10FFFF, 4},
      // A continuation, overlong forms, a surrogate, beyond the last one, and what breaks off.
      {"\x80", 0, 0},
      {"\xc0\xaf", 0, 0},
      {"\xc1\xbf", 0, 0},
      {"\xe0\x9f\xbf", 0, 0},
      {"\xed\xa0\x80", 0, 0},
      {"\xf0\x8f\xbf\xbf", 0, 0},
      {"\xf4\x90\x80\x80", 0, 0},
      {"\xf5\x80\x80\x80", 0, 0},
      {"\xff", 0, 0},
      {"\xc3", 0, 0},
      {"\xe2\x82", 0, 0},
      {"\xe2\x82g", 0, 0},
  };
  for (const Row& row : rows) {
    const CodePoint first = first_code_point(row.text);
    CAPTURE(row.text);
    CHECK(first.value == row.value);
    CHECK(first.bytes == row.bytes);
  }
}

TEST_CASE("a text is UTF-8 if all of its characters are") {
  CHECK((is_utf8("") && is_utf8("a\u00e4\u20ac\U0001F600")));
  CHECK_FALSE(is_utf8("a\xff"));
  CHECK_FALSE(is_utf8("\u00e4\xc3"));
}

TEST_CASE("what is written as UTF-8 is read as the same, and what is no character is replaced") {
  for (const char32_t character :
       {0U, 0x7FU, 0x80U, 0x7FFU, 0x800U, 0xFFFFU, 0x10000U, 0x10FFFFU}) {
    std::string text;
    append_utf8(text, character);
    CHECK(first_code_point(text).value == character);
    CHECK(first_code_point(text).bytes == text.size());
  }
  for (const char32_t none : {0xD800U, 0xDFFFU, 0x110000U}) {
    std::string text;
    append_utf8(text, none);
    CHECK(text == "\uFFFD");
  }
}

TEST_CASE("a text is cut before a character that would not fit") {
  CHECK(cut("abc", 3) == "abc");
  CHECK(cut("abc", 2) == "ab");
  CHECK(cut("a\u20ac", 3) == "a");
  CHECK(cut("a\u20ac", 4) == "a\u20ac");
  CHECK(cut("\u20ac", 2).empty());
}

TEST_CASE("letters of any script are lowered, and what is no UTF-8 is replaced") {
  CHECK(unicode_lower("ABC \u00c4\u0416\u1e9e 1\U00010400") ==
        "abc \u00e4\u0436\u00df 1\U00010428");
  CHECK(unicode_lower("a\xff") == "a\uFFFD");
  CHECK(unicode_lower("\xe2\x82") == "\uFFFD\uFFFD");
}

TEST_CASE("what cannot be seen is left out, and spaces at the ends") {
  CHECK(without_invisible(" \ufeffa\u200b b\u00a0 \n") == "a b");
  CHECK(without_invisible("a\xff") == "a\xff");
  CHECK(without_invisible(" \t ").empty());
}

}  // namespace receiver::text
