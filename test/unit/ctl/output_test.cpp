#include "cmd/receiverctl/output.h"

#include <catch2/catch.hpp>

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

TEST_CASE("what an object holds cannot move a terminal's cursor") {
  CHECK(toned(Cell("a\x1b[2Jb\nc\x7f"), false) == "a [2Jb c ");
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
