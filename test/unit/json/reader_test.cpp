#include "json/reader.h"

#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

namespace receiver::json {
namespace {

/// The error of a text whose content is skipped.
std::string problem_of(std::string_view text) {
  Reader in(text);
  in.skip();
  const std::string_view problem = in.finish();
  return problem.empty() ? ""
                         : std::string(problem) + " at byte " + std::to_string(in.problem_at());
}

/// Reads all levels.
void read_all(Reader& in) {
  if (in.at('{')) {
    in.object([&](std::string_view /*name*/) { read_all(in); });
  } else {
    in.array([&] { read_all(in); });
  }
}

std::string nested(int depth) {
  const auto levels = static_cast<std::size_t>(depth);
  return std::string(levels, '[') + std::string(levels, ']');
}

}  // namespace

TEST_CASE("what is asked for is told, and all else is passed over") {
  Reader in(
      R"( { "skipped" : [1, {"a":[]}, "]"] , "list" : ["a", 7, "b", null] , "yes":true,"no":"true" ,
            "object":{"x":"1","y":2} , "\u006eame":"caf\u00e9 \ud83d\ude00\t\"\\\/" } )");
  std::string seen;
  std::vector<std::string> list;
  bool yes = false;
  bool no = true;
  CHECK(in.object([&](std::string_view name) {
    seen.append(name).append(" ");
    if (name == "list") {
      CHECK(in.array([&] { list.push_back(in.string()); }));
    } else if (name == "yes") {
      yes = in.boolean() == true;
    } else if (name == "no") {
      no = in.boolean() == true;
    } else if (name == "object") {
      CHECK(in.member("x", [&] { seen += in.string() + " "; }));
    } else if (name == "name") {
      CHECK(in.string() == "caf\u00e9 \U0001F600\t\"\\/");
    } else {
      CHECK_FALSE(in.skip());
    }
  }));
  CHECK(in.finish().empty());
  CHECK(seen == "skipped list yes no object 1 name ");
  CHECK(list == std::vector<std::string>{"a", "", "b", ""});
  CHECK(yes);
  CHECK_FALSE(no);
}

TEST_CASE("a value of another kind than asked for is passed over") {
  for (const char* text : {"null", "7", "false", R"("x")", "[{}]", R"({"a":"b"})"}) {
    INFO(text);
    const auto whole = [&](auto ask) {
      Reader in(text);
      const bool found = ask(in);
      return in.finish().empty() && found;
    };
    CHECK(whole([](Reader& in) { return in.boolean().has_value(); }) == (*text == 'f'));
    CHECK(whole([](Reader& in) { return in.integer().has_value(); }) == (*text == '7'));
    CHECK(whole([](Reader& in) { return !in.string().empty(); }) == (*text == '"'));
    CHECK(whole([](Reader& in) { return in.array([&] { in.skip(); }); }) == (*text == '['));
    CHECK(whole([](Reader& in) {
            return in.object([&](std::string_view /*name*/) { in.skip(); });
          }) == (*text == '{'));
  }
}

TEST_CASE("after an error nothing more is told") {
  Reader in(R"({"a":"1","b":01,"c":"3"})");
  std::string seen;
  CHECK(in.object([&](std::string_view name) { seen.append(name) += in.string(); }));
  CHECK(seen == "a1b");
  CHECK(in.finish() == "a comma or } is missing");
  CHECK(in.problem_at() == 14);
  CHECK(in.string().empty());
  CHECK_FALSE(in.boolean());
  CHECK_FALSE(in.integer());
  CHECK_FALSE(in.array([] {}));
  CHECK(in.problem_at() == 14);
}

TEST_CASE("escapes are decoded, and half a surrogate pair is replaced") {
  struct Row {
    std::string literal, said;
  };
  const std::vector<Row> rows{
      {R"("")", ""},
      {R"("\b\f\n\r\t\/\\\"")", "\b\f\n\r\t/\\\""},
      {R"("\u0041\u00DF\u20ac\ud83d\ude00")", "A\u00df\u20ac\U0001F600"},
      {R"("a\u0000b")", std::string("a\0b", 3)},
      {R"("\ud83d")", "\uFFFD"},
      {R"("\ud83dx\ude00")", "\uFFFDx\uFFFD"},
      {R"("\ud83d\u0041")", "\uFFFDA"},
      {R"("\ud83d\ud83d\ude00")", "\uFFFD\U0001F600"},
      {"\"\xff\"", "\xff"},
  };
  for (const Row& row : rows) {
    INFO(row.literal);
    Reader in(row.literal);
    CHECK(in.string() == row.said);
    CHECK(in.finish().empty());
  }
}

TEST_CASE("an integer is one of 64 bits, without fraction and exponent") {
  const auto integer = [](std::string_view text) { return Reader(text).integer(); };
  CHECK(integer("-9223372036854775808") == std::numeric_limits<std::int64_t>::min());
  CHECK(integer("9223372036854775807") == std::numeric_limits<std::int64_t>::max());
  CHECK(integer(" 0 ") == 0);
  for (const char* text : {"9223372036854775808", "1.0", "1e3", R"("1")", "true", "x", ""}) {
    INFO(text);
    CHECK(integer(text) == std::nullopt);
  }
}

TEST_CASE("nesting is bounded, whether read or passed over, and passing over costs no stack") {
  CHECK(problem_of(nested(kMaxDepth)).empty());
  CHECK(problem_of(nested(kMaxDepth + 1)) == "nested too deep at byte 100");
  CHECK(problem_of(std::string(10'000'000, '[')) == "nested too deep at byte 100");
  for (const int depth : {kMaxDepth, kMaxDepth + 1}) {
    const std::string text = nested(depth);
    Reader in(text);
    read_all(in);
    CHECK(in.finish() == (depth > kMaxDepth ? kTooDeep : ""));
  }
  const std::string within = "{\"a\":" + nested(kMaxDepth) + "}";
  Reader in(within);
  in.member("a", [&] { in.array([&] { in.skip(); }); });
  CHECK(in.finish() == kTooDeep);
}

TEST_CASE("numbers and literals are those of the grammar") {
  for (const char* text :
       {"0", "-0", "10", "1.0", "1e5", "1E+5", "-1.25e-7", "1e999999", "null", "true", "false"}) {
    INFO(text);
    CHECK(problem_of(text).empty());
    CHECK(problem_of(std::string("[") + text + "]").empty());
  }
  for (const char* text : {"", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "01", "-01", "0x1", "1a",
                           "NaN", "Infinity", "nul", "nulll", "True", "1 2", "'a'"}) {
    INFO(text);
    CHECK_FALSE(problem_of(text).empty());
    if (*text != '\0') CHECK_FALSE(problem_of(std::string("[") + text + "]").empty());
  }
}

TEST_CASE("whatever the text, it is judged as RapidJSON judges it") {
  std::mt19937 random(20261129);  // NOLINT(cert-msc51-cpp): the same cases in every run.
  const std::string whole =
      R"({"a":[1,-2.5e-3,true,false,null,{"b":"x\"y\\\/\b\f\n\r\t\u00e9 z","c":{}},[]] , "d" : "" })";
  const std::string alphabet = "{}[]\",:\\u0dE8-+.eEnultrfas \n\x01\xFF";
  int valid = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = whole;
    for (auto times = random() % 3; times > 0; --times) {
      text[random() % text.size()] = alphabet[random() % alphabet.size()];
    }
    if (random() % 8 == 0) text.resize(random() % text.size());
    rapidjson::MemoryStream stream(text.data(), text.size());
    rapidjson::BaseReaderHandler<> ignored;
    const rapidjson::ParseResult result =
        rapidjson::Reader().Parse<rapidjson::kParseIterativeFlag>(stream, ignored);
    if (result.Code() == rapidjson::kParseErrorStringUnicodeSurrogateInvalid ||
        result.Code() == rapidjson::kParseErrorNumberTooBig) {
      continue;  // it rejects these, which are valid
    }
    INFO(text);
    REQUIRE(problem_of(text).empty() == !result.IsError());
    Reader in(text);
    read_all(in);
    REQUIRE(in.finish().empty() == !result.IsError());
    valid += result.IsError() ? 0 : 1;
  }
  CHECK(valid > 5'000);
}

}  // namespace receiver::json
