#include "http/response_parser.h"

#include <string>

#include <catch2/catch.hpp>

namespace receiver::http {
namespace {

using Step = ResponseParser::Step;

struct Parsed {
  std::string outcome;  ///< "end", "more" or "malformed"
  std::string body;
  unsigned status = 0;
  std::string unused;
  bool keep_alive = false;
};

/// Passes `piece` bytes at a time to the parser, as a connection does.
Parsed parse(const std::string& text, std::size_t piece, bool answers_head = false,
             bool closed = false) {
  ResponseParser parser(answers_head);
  Parsed parsed;
  std::size_t begin = 0;
  std::size_t end = 0;
  for (;;) {
    std::string_view unread(text.data() + begin, end - begin);
    const Step step = parser.step(unread);
    begin = end - unread.size();
    if (step == Step::kPiece) parsed.body += parser.piece();
    if (step == Step::kMalformed) parsed.outcome = "malformed";
    if (step == Step::kEnd) parsed.outcome = "end";
    if (step == Step::kNeedsMore && end == text.size()) {
      parsed.outcome = closed && parser.finish() ? "end" : "more";
    } else if (step == Step::kNeedsMore) {
      end = std::min(text.size(), end + piece);
    }
    if (!parsed.outcome.empty()) break;
  }
  parsed.status = parser.status();
  parsed.unused = text.substr(begin);
  parsed.keep_alive = parsed.outcome == "end" && parser.keep_alive();
  return parsed;
}

std::string repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("answers come apart the same however their bytes arrive") {
  struct Case {
    std::string text, body;
    unsigned status;
    bool keep_alive;
  };
  const Case test = GENERATE(values<Case>({
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 200, true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 200, true},
      {"HTTP/1.1 204 No Content\r\n\r\n", "", 204, true},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "", 304, true},
      {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", "x", 200, false},
      {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", "x", 200, false},
      {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", "x", 200, true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello", 200,
       true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\nT: 1\r\n"
       "\r\n",
       "abc", 200, true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", 200, true},
      {"HTTP/1.1 410 Gone\r\nContent-Length: 2\r\n\r\n{}", "{}", 410, true},
  }));
  const std::size_t piece = GENERATE(1U, 2U, 3U, 7U, 1000U);
  CAPTURE(test.text, piece);
  const Parsed parsed = parse(test.text, piece);
  CHECK(parsed.outcome == "end");
  CHECK(parsed.body == test.body);
  CHECK(parsed.status == test.status);
  CHECK(parsed.keep_alive == test.keep_alive);
}

TEST_CASE("a body without a length ends with the connection, one with a length does not") {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  CHECK(parse(head + "\r\nabc", 2, false, true).outcome == "end");
  CHECK(parse(head + "\r\nabc", 2, false, true).body == "abc");
  CHECK_FALSE(parse(head + "\r\nabc", 2, false, true).keep_alive);
  CHECK(parse(head + "Content-Length: 4\r\n\r\nabc", 2, false, true).outcome == "more");
  CHECK(parse(head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 2, false, true).outcome ==
        "more");
  CHECK(parse(head, 2, false, true).outcome == "more");
  CHECK(parse("", 1, false, true).outcome == "more");
}

TEST_CASE("an answer to HEAD has no body, whatever length it states") {
  const Parsed parsed = parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 4, true);
  CHECK(parsed.outcome == "end");
  CHECK(parsed.keep_alive);
}

TEST_CASE("bytes behind an answer are not taken") {
  CHECK(parse("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1", 1000).unused == "HTTP/1.1");
}

TEST_CASE("malformed answers are told from incomplete ones") {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  const std::string text = GENERATE_COPY(values<std::string>({
      "SSH-2.0-server\r\n\r\n",
      "HTTP/2.0 200 OK\r\n\r\n",
      "HTTP/1.1 2x0 OK\r\n\r\n",
      head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
      head + "Content-Length: -1\r\n\r\n",
      head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      head + "Transfer-Encoding: gzip\r\n\r\n",
      head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      head + "Transfer-Encoding: chunked\r\n\r\nx\r\n",
      head + "Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n",
      head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx\r\n",
      head + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
      head + "X: " + std::string(ResponseParser::kHeadBytes, 'x') + "\r\n\r\n",
      head + repeat("X: 0123456789\r\n", 2000) + "\r\n",
  }));
  const std::size_t piece = GENERATE(1U, 15U, 1000U);
  CAPTURE(text.substr(0, 80), piece);
  CHECK(parse(text, piece).outcome == "malformed");
}

TEST_CASE("trailers are bounded with the head, and are no header fields") {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  CHECK(parse(head + repeat("X: 0123456789\r\n", 2000) + "\r\n", 1000).outcome == "malformed");

  ResponseParser parser(false);
  const std::string text = head + "Retry-After: 9\r\n\r\n";
  std::string_view bytes = text;
  CHECK(parser.step(bytes) == Step::kHead);
  CHECK(parser.step(bytes) == Step::kEnd);
  CHECK_FALSE(parser.headers().find("Retry-After"));
}

TEST_CASE("damaged answers end in a verdict, never in a crash") {
  const std::string good =
      "HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: u\r\n\r\n";
  const std::string alphabet = "\r\n 0;:fF\xff\t,";
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char replacement : alphabet) {
      std::string damaged = good;
      damaged[at] = replacement;
      for (const std::size_t piece : {1U, 5U, 100U}) {
        const Parsed parsed = parse(damaged, piece, false, true);
        REQUIRE_FALSE(parsed.outcome.empty());
      }
    }
  }
}

}  // namespace receiver::http
