#include "json/json.h"

#include <limits>
#include <string>

#include <catch2/catch.hpp>

namespace receiver::json {

namespace {

std::string kept(std::string_view json, const Projection& projection) {
  const auto document = parse(json, projection);
  INFO(json);
  INFO((document ? "" : document.error()));
  REQUIRE(document.has_value());
  return to_text(*document);
}

std::string error_of(std::string_view json, const Projection& projection = Projection::all()) {
  const auto document = parse(json, projection);
  INFO(json);
  REQUIRE_FALSE(document.has_value());
  return document.error();
}

std::string nested(int depth, char open, char close) {
  return std::string(static_cast<std::size_t>(depth), open) +
         std::string(static_cast<std::size_t>(depth), close);
}

}  // namespace

TEST_CASE("a projection keeps what its paths name and skips everything else") {
  struct Case {
    std::string_view about;
    Projection projection;
    std::string_view json, kept;
  };
  const Case cases[] = {
      {"a member",
       {"/metadata/name"},
       R"({"kind":"X","metadata":{"name":"a","uid":"u"},"spec":{"name":"b"}})",
       R"({"metadata":{"name":"a"}})"},
      {"the whole value below a path",
       {"/spec"},
       R"({"a":1,"spec":{"x":[1,{"y":null}],"z":true}})",
       R"({"spec":{"x":[1,{"y":null}],"z":true}})"},
      {"any element",
       {"/spec/*/git/repoURL"},
       R"({"spec":[{"git":{"repoURL":"a","b":1}},{"image":{}},{"git":{"repoURL":"c"}}]})",
       R"({"spec":[{"git":{"repoURL":"a"}},{},{"git":{"repoURL":"c"}}]})"},
      {"any member",
       {"/state/*/url"},
       R"({"state":{"one":{"url":"a","x":1},"two":{"url":"b"}},"x":{"url":"c"}})",
       R"({"state":{"one":{"url":"a"},"two":{"url":"b"}}})"},
      {"any member and one by name",
       {"/m/*/all", "/m/b/own"},
       R"({"m":{"a":{"all":1,"own":2},"b":{"all":3,"own":4}}})",
       R"({"m":{"a":{"all":1},"b":{"all":3,"own":4}}})"},
      {"keys with a slash and a tilde",
       {"/metadata/annotations/kargo.akuity.io~1refresh", "/metadata/annotations/a~0b"},
       R"({"metadata":{"annotations":{"kargo.akuity.io/refresh":"t","a~b":"u","a":"v"}}})",
       R"({"metadata":{"annotations":{"kargo.akuity.io/refresh":"t","a~b":"u"}}})"},
      {"elements in their places, whatever they are",
       {"/steps/*/uses"},
       R"({"steps":[1,{"uses":"a"},[{"uses":"no"}],null,"s",{}]})",
       R"({"steps":[1,{"uses":"a"},[],null,"s",{}]})"},
      {"a value of another type on the way",
       {"/spec/name"},
       R"({"spec":"text"})",
       R"({"spec":"text"})"},
      {"no element of an array that has named members only",
       {"/spec/name"},
       R"({"spec":[{"name":"a"},[1]]})",
       R"({"spec":[]})"},
      {"nothing but the root without paths", {}, R"({"a":[1,[2],{"b":{}}]})", "{}"},
      {"a path inside another",
       {"/a", "/a/b"},
       R"({"a":{"b":1,"c":2},"d":3})",
       R"({"a":{"b":1,"c":2}})"},
      {"a member beside skipped ones of every type",
       {"/keep"},
       R"({"a":"\u0041\n","b":-1.5e3,"c":[[[]],{}],"d":{"keep":{"keep":1}},"e":null,"keep":7,"f":false})",
       R"({"keep":7})"},
      {"everything", Projection::all(), R"([1,{"a":[]}])", R"([1,{"a":[]}])"},
  };
  for (const Case& c : cases) {
    INFO(c.about);
    CHECK(kept(c.json, c.projection) == c.kept);
  }
}

TEST_CASE("a projection can be extended") {
  const Projection narrow = {"/a/b"};
  const Projection wide = narrow.with({"/a/c", "/d"});
  CHECK(kept(R"({"a":{"b":1,"c":2},"d":3})", narrow) == R"({"a":{"b":1}})");
  CHECK(kept(R"({"a":{"b":1,"c":2},"d":3})", wide) == R"({"a":{"b":1,"c":2},"d":3})");
  CHECK(kept(R"({"a":{"x":1}})", Projection::all().with({"/a/b"})) == R"({"a":{"x":1}})");
}

TEST_CASE("a projection refuses a path that does not begin with a slash") {
  CHECK_THROWS_AS(Projection({"metadata/name"}), std::invalid_argument);
}

TEST_CASE("malformed text is an error that names the byte") {
  CHECK_THAT(error_of(R"({"a":1,})"), Catch::Contains("at byte 7"));
  CHECK_THAT(error_of(R"({"a":[{"b":nul}]})"), Catch::Contains("at byte 14"));
  for (const std::string_view json : {"",
                                      " ",
                                      "{",
                                      "[1,2",
                                      "[1,]",
                                      "[,1]",
                                      R"({"a")",
                                      R"({"a":})",
                                      R"({"a" 1})",
                                      R"({"a":1,})",
                                      R"({a:1})",
                                      R"({"a":1 "b":2})",
                                      "{]",
                                      "[[}]",
                                      "{} {}",
                                      "{}x",
                                      "nul",
                                      "01",
                                      R"("\x")",
                                      R"("open)",
                                      R"({"open\")",
                                      R"({"\x":1})",
                                      "\"line\nbreak\"",
                                      R"("\ud800")",
                                      "'a'",
                                      "}"}) {
    CHECK_THAT(error_of(json), Catch::Contains("at byte"));
    CHECK_THAT(error_of(json, Projection{"/other"}), Catch::Contains("at byte"));
  }
}

TEST_CASE("what is not used does not make a document unreadable, what is used must be right") {
  for (const std::string_view bad :
       {"\"\xff\"", "\"\xc0\x80\"", R"("\ud800")", "1e400", "\"line\nbreak\"", "[1 2]", "nul"}) {
    const std::string json = "{\"a\":" + std::string(bad) + ",\"b\":1}";
    CHECK_THAT(error_of(json), Catch::Contains("at byte"));
    CHECK_THAT(error_of(json, Projection{"/a"}), Catch::Contains("at byte"));
    CHECK(kept(json, Projection{"/b"}) == R"({"b":1})");
  }
  for (const std::string_view bad : {"[", "{]", "[}", "\"", R"("\")", "[[[]]", ""}) {
    const std::string json = "{\"a\":" + std::string(bad) + ",\"b\":1}";
    CHECK_THAT(error_of(json, Projection{"/b"}), Catch::Contains("at byte"));
  }
}

TEST_CASE("quotes and backslashes in what is skipped are understood") {
  for (const std::string_view text : {R"("\"")", R"("\\")", R"("\\\"")", R"("\\\\")", R"("}\"]")",
                                      R"(["\"","\\",{"\"":"\\\"{"}])"}) {
    CHECK(kept("{\"a\":" + std::string(text) + ",\"b\":1}", Projection{"/b"}) == R"({"b":1})");
  }
}

TEST_CASE("a member's name counts as what it says, however it is escaped") {
  CHECK(kept(R"({"\u0061":1,"b\/c":2,"\u0064":3})", Projection{"/a", "/b~1c"}) ==
        R"({"a":1,"b/c":2})");
  CHECK(kept(R"({"ä":1,"\u00e4":2})", Projection{"/ä"}) == R"({"ä":1,"ä":2})");
}

TEST_CASE("text after a NUL byte does not go unseen") {
  using namespace std::string_view_literals;
  CHECK_THAT(error_of("{}\0garbage"sv), Catch::Contains("at byte 2"));
  CHECK_THAT(error_of("{}\0"sv), Catch::Contains("at byte 2"));
  CHECK_THAT(error_of("[1,\0]"sv), Catch::Contains("at byte"));
  CHECK_THAT(error_of("1\0"sv), Catch::Contains("NUL at byte 1"));
}

TEST_CASE("nesting is bounded, kept or skipped, and costs no stack") {
  CHECK(parse(nested(kMaxDepth, '[', ']')).has_value());
  const std::string too_deep = nested(kMaxDepth + 1, '[', ']');
  CHECK_THAT(error_of(too_deep), Catch::Contains("nested too deep"));
  CHECK_THAT(error_of("{\"a\":" + too_deep + "}", Projection{"/b"}),
             Catch::Contains("nested too deep"));
  CHECK_THAT(error_of(nested(10'000'000, '[', ']')), Catch::Contains("nested too deep"));
  CHECK_THAT(
      error_of("{\"a\":{\"b\":" + nested(kMaxDepth - 1, '[', ']') + "}}", Projection{"/a/c"}),
      Catch::Contains("nested too deep"));
  CHECK(parse("{\"a\":{\"b\":" + nested(kMaxDepth - 2, '[', ']') + "}}", Projection{"/a/c"})
            .has_value());
}

TEST_CASE("numbers of any size that a 64-bit float can hold are read") {
  const auto document = parse(
      R"({"min":-9223372036854775808,"max":9223372036854775807,"above":9223372036854775808,)"
      R"("unsigned":18446744073709551615,"huge":123456789012345678901234567890,"float":1.5,"exp":1e3,"tiny":1e-999})");
  REQUIRE(document.has_value());
  CHECK(int_at(*document, "/min") == std::numeric_limits<std::int64_t>::min());
  CHECK(int_at(*document, "/max") == std::numeric_limits<std::int64_t>::max());
  for (const auto* pointer : {"/above", "/unsigned", "/huge", "/float", "/exp", "/tiny"}) {
    CHECK(int_at(*document, pointer) == std::nullopt);
  }
}

TEST_CASE("a number beyond a 64-bit float is an error, as it is for the API server") {
  CHECK_THAT(error_of(R"({"a":1e400})"), Catch::Contains("at byte 5"));
}

TEST_CASE("strings may hold anything that UTF-8 and escapes can say") {
  using namespace std::string_view_literals;
  const auto document = parse(R"({"nul":"a\u0000b","emoji":"\ud83d\ude00","raw":"日本"})");
  REQUIRE(document.has_value());
  CHECK(string_at(*document, "/nul") == "a\0b"sv);
  CHECK(string_at(*document, "/emoji") == "😀");
  CHECK(string_at(*document, "/raw") == "日本");
}

TEST_CASE("looking up a path never fails, whatever the types on the way") {
  const auto document = parse(
      R"({"s":"text","i":5,"f":0.5,"t":true,"n":null,"a":[{"b":1}],"o":{"x":{"y":"z"},"":"empty","a/b":"slash"}})");
  REQUIRE(document.has_value());
  CHECK(find(*document, "") == &*document);
  CHECK(string_at(*document, "/o/x/y") == "z");
  CHECK(string_at(*document, "/o/") == "empty");
  CHECK(string_at(*document, "/o/a~1b") == "slash");
  CHECK(int_at(*document, "/i") == 5);
  CHECK(bool_at(*document, "/t"));
  REQUIRE(find(*document, "/n") != nullptr);
  CHECK(find(*document, "/n")->IsNull());
  for (const auto* pointer :
       {"/none", "/s/x", "/i/x", "/n/x", "/a/b", "/a/0", "/o/x/y/z", "s", "/", "/o/x/none"}) {
    INFO(pointer);
    CHECK(find(*document, pointer) == nullptr);
    CHECK(string_at(*document, pointer).empty());
    CHECK(int_at(*document, pointer) == std::nullopt);
    CHECK_FALSE(bool_at(*document, pointer));
  }
  for (const auto* pointer : {"/i", "/f", "/t", "/n", "/a", "/o"}) {
    CHECK(string_at(*document, pointer).empty());
  }
  for (const auto* pointer : {"/s", "/f", "/t", "/n", "/a", "/o"}) {
    CHECK(int_at(*document, pointer) == std::nullopt);
  }
  for (const auto* pointer : {"/s", "/i", "/f", "/n", "/a", "/o"}) {
    CHECK_FALSE(bool_at(*document, pointer));
  }
  CHECK(find(rapidjson::Value("scalar"), "/x") == nullptr);
}

TEST_CASE("text is written as JSON") {
  using namespace std::string_view_literals;
  CHECK(quote("") == R"("")");
  CHECK(quote("a\"b\\c\n\0d"sv) == R"("a\"b\\c\n\u0000d")");
  CHECK(to_text(*parse(R"( { "a" : [ 1 , 2.5 , "x" ] } )")) == R"({"a":[1,2.5,"x"]})");
}

}  // namespace receiver::json
