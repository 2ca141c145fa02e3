#include "cmd/receiverctl/output.h"

#include <sstream>
#include <string>
#include <vector>

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

TEST_CASE("a text is wrapped between words, which stay whole") {
  using Wrapped = std::vector<std::string>;
  CHECK(wrapped("", 10) == Wrapped{""});
  CHECK(wrapped("one two three", 13) == Wrapped{"one two three"});
  CHECK(wrapped("one two three", 12) == Wrapped{"one two", "three"});
  CHECK(wrapped("one two three", 7) == Wrapped{"one two", "three"});
  CHECK(wrapped("one two three", 3) == Wrapped{"one", "two", "three"});
  CHECK(wrapped("ééé ééé", 4) == Wrapped{"ééé", "ééé"});
  CHECK(wrapped("https://h/abcdef x", 9) == Wrapped{"https://h/abcdef", "x"});
  CHECK(wrapped("x https://h/abcdef", 9) == Wrapped{"x", "https://h/abcdef"});
  CHECK(wrapped("ab", 0) == Wrapped{"ab"});
}

TEST_CASE(
    "a table that does not fit wraps its last column, or has it below, and then aligns none") {
  Table table({"NAME", "READY", "WHY NOT"});
  table.add({"a-rather-long-name-of-a-receiver", "False", "the Secret has no key, so create one"});
  table.add({"bb", "True", ""});
  CHECK(table.text({false, 80}) ==
        "NAME                               READY   WHY NOT\n"
        "a-rather-long-name-of-a-receiver   False   the Secret has no key, so create one\n"
        "bb                                 True\n");
  CHECK(table.text({false, 75}) ==
        "NAME                               READY   WHY NOT\n"
        "a-rather-long-name-of-a-receiver   False   the Secret has no key, so create\n"
        "                                           one\n"
        "bb                                 True\n");
  CHECK(table.text({false, 60}) ==
        "NAME                               READY\n"
        "    WHY NOT\n"
        "a-rather-long-name-of-a-receiver   False\n"
        "    the Secret has no key, so create one\n"
        "bb                                 True\n");
  CHECK(table.text({false, 30}) ==
        "NAME   READY\n"
        "    WHY NOT\n"
        "a-rather-long-name-of-a-receiver\n"
        "    False\n"
        "    the Secret has no key, so\n"
        "    create one\n"
        "bb   True\n");
  CHECK(table.text({true, 60}).find('\x1b') == std::string::npos);
  CHECK(table.text({}) == table.text({false, 1000}));
}

TEST_CASE("rows that come one by one are below each other, and the titles come once") {
  Table table({"NAME", "READY", "WHY NOT"});
  table.add({"bb", "False", "no Secret"});
  CHECK(table.next({}) ==
        "NAME   READY   WHY NOT\n"
        "bb     False   no Secret\n");
  table.add({"a-long-name", "True", ""});
  CHECK(table.next({}) == "a-long-name   True\n");
  table.add({"bb", "True", ""});
  CHECK(table.next({}) == "bb            True\n");
  CHECK(table.next({}).empty());
  // The same on a terminal that has become narrower.
  table.add({"bb", "False", "its Secret is empty"});
  CHECK(table.next({false, 20}) ==
        "bb            False\n"
        "    its Secret is\n"
        "    empty\n");
}

TEST_CASE("a column of long words is below the others, where it has room for them") {
  Table table({"NAME", "WHY"});
  table.add({"bb", "it reads https://bitbucket.org/acme/shop-of-fruit, any branch"});
  table.add({"", "another reason"});
  CHECK(table.text({false, 50}) ==
        "NAME   WHY\n"
        "bb     it reads\n"
        "       https://bitbucket.org/acme/shop-of-fruit,\n"
        "       any branch\n"
        "       another reason\n");
  CHECK(table.text({false, 46}) ==
        "NAME\n"
        "    WHY\n"
        "bb\n"
        "    it reads\n"
        "    https://bitbucket.org/acme/shop-of-fruit,\n"
        "    any branch\n"
        "    another reason\n");
}

TEST_CASE("where columns are not aligned, each cell can still be told from the next") {
  Table table({"", "URL", "WEBHOOKS", "SECRET", "WHY"});
  table.add({"no", "https://hooks.example.com/b/0123", "", "bb-secret", "it is late"});
  table.add({"", "", "", "", "and it is lost"});
  CHECK(table.text({false, 30}) ==
        "URL   WEBHOOKS   SECRET\n"
        "    WHY\n"
        "no\n"
        "    https://hooks.example.com/b/0123\n"
        "    -   bb-secret\n"
        "    it is late\n"
        "    and it is lost\n");
}

TEST_CASE("a table of many columns fits a narrow terminal, except for longer words") {
  const std::string text(100, 'x');
  for (const std::size_t columns : {60U, 80U, 160U}) {
    Table table({"PROJECT", "NAME", "READY", "WAREHOUSES", "PROMOTIONS", "WEBHOOKS", "WHY NOT"});
    table.add({text, text, "False", "5", "2", "1/2", text});
    std::istringstream lines_of(table.text({false, columns}));
    for (std::string line; std::getline(lines_of, line);) {
      INFO(line);
      std::size_t width = 0;
      for (const char byte : line) width += (static_cast<unsigned char>(byte) & 0xc0U) != 0x80U;
      CHECK((width <= columns || line.ends_with(text)));
    }
  }
}

TEST_CASE("each line of a wrapped text has its colour") {
  Table table({"A", "B"});
  table.add({"x", Cell("one two", Tone::kBad)});
  CHECK(table.text({true, 8}) == "A\n    B\nx\n    \x1b[31mone\x1b[0m\n    \x1b[31mtwo\x1b[0m\n");
}

TEST_CASE("values of lines and paragraphs are wrapped, too") {
  CHECK(lines({{"A", "one two three four five six seven"}, {"B", ""}}, {false, 36}) ==
        "A   one two three four five six\n    seven\nB\n");
  CHECK(paragraph("one two", {false, 4}) == "one\ntwo\n");
  CHECK(paragraph("one two", {}) == "one two\n");
}

TEST_CASE("a command that a text recommends is named as this one was called") {
  std::ostringstream stream;
  {
    const PrintableOutput filter(stream, false, "kubectl bitbucket-receiver");
    stream << "see `receiverctl check`, or `receiverctl\ncheck`; receiverctl is its name\n";
  }
  CHECK(stream.str() ==
        "see `kubectl bitbucket-receiver check`, or `kubectl bitbucket-receiver\ncheck`; "
        "receiverctl is its name\n");
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

TEST_CASE("lines put values below each other") {
  CHECK(lines({{"Event", "repo:push"}, {"To", "x"}}, false) == "Event   repo:push\nTo      x\n");
}

}  // namespace receiver::ctl
