#include "log/logger.h"

#include <limits>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <rapidjson/document.h>

namespace receiver::log {

namespace {

/// What a logger wrote.
class Lines {
 public:
  Logger logger(Level level, Format format) {
    return Logger::to_callback(level, format,
                               [this](std::string_view line) { lines_.emplace_back(line); });
  }
  [[nodiscard]] std::size_t size() const { return lines_.size(); }
  [[nodiscard]] std::string last() const { return lines_.empty() ? "" : lines_.back(); }
  /// The last line without its time.
  [[nodiscard]] std::string text() const {
    return last().substr(std::min(last().size(), std::size_t{25}));
  }

 private:
  std::vector<std::string> lines_;
};

/// A member that must exist.
const rapidjson::Value& member(const rapidjson::Document& line, const char* name) {
  const auto found = line.FindMember(name);
  REQUIRE(found != line.MemberEnd());
  return found->value;
}

}  // namespace

TEST_CASE("a console line has time, level, logger, message and fields") {
  Lines lines;
  const auto logger = lines.logger(Level::kInfo, Format::kConsole).named("refresher");
  logger.info("refreshed",
              {{"project", "kargo-demo"}, {"count", 3}, {"duration_ms", 1.5}, {"again", false}});
  CHECK(std::regex_match(
      lines.last(),
      std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO  refresher: )"
                 R"(refreshed project=kargo-demo count=3 duration_ms=1\.5 again=false)")));
}

TEST_CASE("a logger without a name leaves no trace of it") {
  Lines lines;
  lines.logger(Level::kInfo, Format::kConsole).warn("careful");
  CHECK(lines.text() == "WARN  careful");
}

TEST_CASE("a console value that could be misread is quoted") {
  struct Row {
    std::string value, written;
  };
  const std::vector<Row> rows{
      {"plain", "plain"},
      {"", R"("")"},
      {"two words", R"("two words")"},
      {"a=b", R"("a=b")"},
      {R"(say "hi")", R"("say \"hi\"")"},
      {R"(back\slash)", R"("back\\slash")"},
      {"gr\u00fc\u00df", "gr\u00fc\u00df"},
      {"line\nlevel=ERROR", R"("line\nlevel=ERROR")"},
      {"\x1b[31mred", R"("\u001b[31mred")"},
      {"\u009b31m", R"("\u009b31m")"},    // the one-character form of the same sequence
      {"a\u202egnp", R"("a\u202egnp")"},  // right-to-left override
      {"a\u200fb", R"("a\u200fb")"},      // right-to-left mark
      {"a\u061cb", R"("a\u061cb")"},      // Arabic letter mark
      {std::string("nul\0byte", 8), R"("nul\u0000byte")"},
      {"bad\xff", R"("bad\xff")"},
      {"cut\xe2\x82", R"("cut\xe2\x82")"},
      {"overlong\xc0\xaf", R"("overlong\xc0\xaf")"},
      {"surrogate\xed\xa0\x80", R"("surrogate\xed\xa0\x80")"},
  };
  for (const auto& row : rows) {
    Lines lines;
    lines.logger(Level::kInfo, Format::kConsole).info("m", {{"k", row.value}});
    CHECK(lines.text() == "INFO  m k=" + row.written);
  }
}

TEST_CASE("a message cannot begin a second line") {
  Lines lines;
  lines.logger(Level::kInfo, Format::kConsole).info("one\ntwo");
  CHECK(lines.text() == R"(INFO  one\ntwo)");
}

TEST_CASE("a JSON line is one object that gives back what was logged") {
  const std::string hostile = "quote\" back\\ line\n bell\a \u2028 gr\u00fc\u00df";
  Lines lines;
  lines.logger(Level::kInfo, Format::kJson)
      .named("lo\"g")
      .error(hostile, {{"text", hostile},
                       {"bytes", -7},
                       {"ratio", 0.25},
                       {"unknown", std::numeric_limits<double>::quiet_NaN()},
                       {"on", true}});
  CHECK(lines.last().find('\n') == std::string::npos);
  rapidjson::Document line;
  line.Parse(lines.last().data(), lines.last().size());
  REQUIRE_FALSE(line.HasParseError());
  CHECK(std::regex_match(member(line, "time").GetString(),
                         std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
  CHECK(member(line, "level") == "ERROR");
  CHECK(member(line, "logger") == "lo\"g");
  CHECK(member(line, "msg").GetString() == hostile);
  CHECK(member(line, "text").GetString() == hostile);
  CHECK(member(line, "bytes").GetInt64() == -7);
  CHECK(member(line, "ratio").GetDouble() == 0.25);
  CHECK(member(line, "unknown").IsNull());
  CHECK(member(line, "on").GetBool());
}

TEST_CASE("JSON shows bytes that are not UTF-8 as text") {
  Lines lines;
  lines.logger(Level::kInfo, Format::kJson).info("m", {{"k", "bad\xff"}});
  rapidjson::Document line;
  line.Parse<rapidjson::kParseValidateEncodingFlag>(lines.last().data(), lines.last().size());
  REQUIRE_FALSE(line.HasParseError());
  CHECK(std::string(member(line, "k").GetString()) == R"(bad\xff)");
}

TEST_CASE("a long value is cut, at a whole character, and says by how much") {
  std::string value = "a";
  for (int i = 0; i < 3000; ++i) value += "\u00fc";
  Lines lines;
  lines.logger(Level::kInfo, Format::kConsole).info("m", {{"k", value}});
  CHECK(lines.last().ends_with("\u00fc...(1904 bytes more)"));
}

TEST_CASE("the level can be changed while running, for all copies") {
  Lines lines;
  const auto logger = lines.logger(Level::kWarn, Format::kConsole);
  const auto copy = logger.named("copy");
  copy.info("unheard");
  CHECK(lines.size() == 0);
  CHECK_FALSE(copy.enabled(Level::kInfo));
  logger.set_level(Level::kTrace);
  CHECK(copy.enabled(Level::kTrace));
  copy.trace("heard");
  CHECK(lines.text() == "TRACE copy: heard");
}

TEST_CASE("a logger that writes nothing can be used like any other") {
  const auto logger = Logger::none().named("x");
  logger.set_level(Level::kTrace);
  CHECK_FALSE(logger.enabled(Level::kError));
  logger.error("nobody hears this", {{"k", 1}});
}

TEST_CASE("lines of several threads do not mix") {
  Lines lines;
  const auto logger = lines.logger(Level::kInfo, Format::kJson);
  std::vector<std::jthread> threads;
  threads.reserve(4);
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([logger, thread] {
      for (int i = 0; i < 200; ++i) {
        logger.info("line", {{"thread", thread}, {"i", i}});
        logger.set_level(Level::kInfo);
      }
    });
  }
  threads.clear();
  CHECK(lines.size() == 800);
}

TEST_CASE("levels and formats are read in either case") {
  CHECK(parse_level("info") == Level::kInfo);
  CHECK(parse_level("WARN") == Level::kWarn);
  CHECK(parse_level("Trace") == Level::kTrace);
  CHECK_FALSE(parse_level("verbose").has_value());
  CHECK_FALSE(parse_level("").has_value());
  CHECK(parse_format("json") == Format::kJson);
  CHECK(parse_format("CONSOLE") == Format::kConsole);
  CHECK_FALSE(parse_format("xml").has_value());
}

}  // namespace receiver::log
