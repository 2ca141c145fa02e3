#include "cmd/receiverctl/output.h"

#include <sstream>

#include <catch2/catch.hpp>
#include <rapidjson/document.h>

namespace receiver::ctl {

TEST_CASE("a table aligns its columns and leaves no blanks at the ends of lines") {
  Table table({"NAME", "READY", "WHY NOT"});
  table.add({"bitbucket", "True", ""});
  table.add({"é", "False", "no Secret"});
  CHECK(table.text(false) ==
        "NAME        READY   WHY NOT\n"
        "bitbucket   True\n"
        "é           False   no Secret\n");
}

TEST_CASE("colours are put around a text without moving the columns") {
  Table table({"A", "B"});
  table.add({Cell("yes", Tone::kGood), "x"});
  table.add({Cell("no", Tone::kBad), "y"});
  CHECK(table.text(true) == "A     B\n\x1b[32myes\x1b[0m   x\n\x1b[31mno\x1b[0m    y\n");
  CHECK(table.text(false) == "A     B\nyes   x\nno    y\n");
}

TEST_CASE("what an object holds cannot move a terminal's cursor, nor a table's columns") {
  Table table({"A", "B"});
  table.add({"a\x1b[2J\n", "\u202egnp"});
  table.add({"b\u009b31m", "x"});
  CHECK(table.text(false) ==
        "A              B\n"
        "a\\u001b[2J\\n   \\u202egnp\n"
        "b\\u009b31m     x\n");
}

TEST_CASE("all that a stream is given is made printable, in lines, until the filter ends") {
  std::ostringstream stream;
  {
    const PrintableOutput filter(stream, true);
    stream << "two\nlines \x1b[2J\u009b\x9d" << 'c' << "\xc3";
    stream << "\xbc\n" << toned(Cell("good\x1b[31m", Tone::kGood), true) << "\n";
    CHECK(stream.str() ==
          "two\nlines \\u001b[2J\\u009b\ufffdc\u00fc\n\x1b[32mgood\\u001b[31m\x1b[0m\n");
    stream << "no end" << std::flush;
    CHECK(stream.str().ends_with("no end"));
    stream << ", none\x7f";
  }
  CHECK(stream.str().ends_with("no end, none\\u007f"));
  stream << "\x1b";
  CHECK(stream.str().ends_with("\x1b"));

  std::ostringstream plain;
  const PrintableOutput filter(plain, false);
  plain << "\x1b[32m\n";
  CHECK(plain.str() == "\\u001b[32m\n");
}

TEST_CASE("JSON gives back what an object holds, and moves no cursor on its way") {
  const std::string hostile = "\x1b[2J \u009b31m \u202egnp \x7f";
  std::ostringstream stream;
  {
    const PrintableOutput filter(stream, true);
    stream << json_text([&](Json& json) {
      json.StartObject();
      member(json, "a", hostile);
      member(json, "b", std::string("\xff"));
      json.EndObject();
    });
  }
  for (const char* control : {"\x1b", "\u009b", "\u202e", "\x7f", "\xff"}) {
    CHECK(stream.str().find(control) == std::string::npos);
  }
  rapidjson::Document document;
  document.Parse<rapidjson::kParseValidateEncodingFlag>(stream.str().c_str());
  REQUIRE(document.IsObject());
  CHECK(document["a"].GetString() == hostile);
  CHECK(document["b"].GetString() == std::string("\ufffd"));
}

TEST_CASE("lines put values below each other") {
  CHECK(lines({{"Event", "repo:push"}, {"To", "x"}}, false) == "Event   repo:push\nTo      x\n");
}

TEST_CASE("JSON ends in a newline and keeps the order of its members") {
  CHECK(json_text([](Json& json) {
          json.StartObject();
          member(json, "b", std::string("\"quoted\""));
          member(json, "a", true);
          member(json, "n", std::int64_t{7});
          json.EndObject();
        }) == "{\n  \"b\": \"\\\"quoted\\\"\",\n  \"a\": true,\n  \"n\": 7\n}\n");
}

}  // namespace receiver::ctl
