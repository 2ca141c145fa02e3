#include "log/printable.h"

#include <catch2/catch.hpp>
#include <rapidjson/document.h>

namespace receiver::log {

TEST_CASE("no text of a stranger reaches a terminal as a command, or turns its direction") {
  struct Row {
    std::string text, shown;
  };
  const std::vector<Row> rows{
      {"", ""},
      {"plain", "plain"},
      {"gr\u00fc\u00df \u2192 \u2026 \U0001F600", "gr\u00fc\u00df \u2192 \u2026 \U0001F600"},
      {"one\ntwo\tthree\rfour", R"(one\ntwo\tthree\rfour)"},
      {"\x1b[2J", R"(\u001b[2J)"},
      {std::string("nul\0", 4), R"(nul\u0000)"},
      {"del\x7f", R"(del\u007f)"},
      {"\u0080 \u009b31m \u009d0;title\u009c \u009f",
       R"(\u0080 \u009b31m \u009d0;title\u009c \u009f)"},
      {"\u00a0", "\u00a0"},
      {"\u061c", R"(\u061c)"},
      {"\u200d \u200e \u200f \u2010", "\u200d \\u200e \\u200f \u2010"},
      {"\u2027 \u2028 \u2029 \u202a \u202b \u202c \u202d \u202e \u202f",
       "\u2027 \\u2028 \\u2029 \\u202a \\u202b \\u202c \\u202d \\u202e \u202f"},
      {"\u2065 \u2066 \u2067 \u2068 \u2069 \u206a",
       "\u2065 \\u2066 \\u2067 \\u2068 \\u2069 \u206a"},
      // Not UTF-8: a C1 control of Latin-1, a cut character, an overlong slash, half a surrogate.
      {"\x9b"
       "31m",
       "\ufffd31m"},
      {"cut\xe2\x82", "cut\ufffd\ufffd"},
      {"\xc0\xaf", "\ufffd\ufffd"},
      {"\xed\xa0\x80", "\ufffd\ufffd\ufffd"},
      {"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"},
      {"\xff", "\ufffd"},
  };
  for (const Row& row : rows) {
    CHECK(printable(row.text) == row.shown);
    CHECK(printable(row.shown) == row.shown);
  }
}

TEST_CASE("what is made printable within a JSON string is the same value to its reader") {
  const std::string hostile = "\u009b2J \u202egnp \u061c \u2028 \x7f";
  rapidjson::Document document;
  document.Parse(printable("\"" + hostile + "\""));
  REQUIRE(document.IsString());
  CHECK(document.GetString() == hostile);
}

}  // namespace receiver::log
