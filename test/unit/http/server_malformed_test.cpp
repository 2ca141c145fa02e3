#include <mutex>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "http/server.h"
#include "test/unit/http/server_fixture.h"

namespace receiver::http {
namespace {

using boost::asio::awaitable;

struct Shape {
  const char* what;
  std::string bytes;
  unsigned status;
};

std::string with(const std::string& fields, const std::string& body = "") {
  return "POST /first HTTP/1.1\r\nHost: t\r\n" + fields + "\r\n" + body;
}

std::vector<Shape> shapes() {
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  return {
      // Not HTTP/1
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"garbage", "\x16\x03\x01\x02garbage\r\n\r\n", 400},
      {"no version", "GET /first\r\n\r\n", 400},
      {"version 1.2", "GET /first HTTP/1.2\r\nHost: t\r\n\r\n", 400},
      {"version 0.9", "GET /first HTTP/0.9\r\nHost: t\r\n\r\n", 400},
      {"lower-case version", "GET /first http/1.1\r\nHost: t\r\n\r\n", 400},
      {"two spaces before the target", "GET  /first HTTP/1.1\r\nHost: t\r\n\r\n", 400},
      {"a space in the target", "GET /fi rst HTTP/1.1\r\nHost: t\r\n\r\n", 400},
      {"no method", " /first HTTP/1.1\r\nHost: t\r\n\r\n", 400},
      // Lines
      {"bare LF after the request line", "GET /first HTTP/1.1\nHost: t\r\n\r\n", 400},
      {"bare LF everywhere", "GET /first HTTP/1.1\nHost: t\n\n", 400},
      {"bare LF after a field", with("X: y\nContent-Length: 0\r\n"), 400},
      {"bare CR in a field", with("X: y\rz\r\n"), 400},
      {"NUL in a field", with(std::string("X: y\0z\r\n", 8)), 400},
      {"folded line", with("X: y\r\n z\r\n"), 400},
      {"folded line with a tab", with("X: y\r\n\tz\r\n"), 400},
      {"line folded before its value", with("X:\r\n y\r\n"), 400},
      {"folded Transfer-Encoding", with("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), 400},
      {"white space before the first field", "GET /first HTTP/1.1\r\n Host: t\r\n\r\n", 400},
      {"white space before the colon", with("Content-Length : 5\r\n", "hello"), 400},
      {"no field name", with(": x\r\n"), 400},
      {"no colon", with("nonsense\r\n"), 400},
      {"bad Connection", with("Connection: @\r\n"), 400},
      // Host
      {"no Host", "GET /first HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", with("Host: u\r\n"), 400},
      // Content-Length
      {"differing lengths", with("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), 400},
      {"one length twice", with("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400},
      {"list of lengths", with("Content-Length: 5, 5\r\n", "hello"), 400},
      {"list of differing lengths", with("Content-Length: 5, 6\r\n", "hello!"), 400},
      {"signed length", with("Content-Length: +5\r\n", "hello"), 400},
      {"negative length", with("Content-Length: -1\r\n"), 400},
      {"hexadecimal length", with("Content-Length: 0x5\r\n", "hello"), 400},
      {"empty length", with("Content-Length:\r\n"), 400},
      {"length above 64 bits", with("Content-Length: 18446744073709551616\r\n"), 400},
      {"length of 64 bits", with("Content-Length: 18446744073709551615\r\n"), 413},
      // Transfer-Encoding
      {"length, then chunked", with("Content-Length: 5\r\n" + chunked, "0\r\n\r\n"), 400},
      {"chunked, then length", with(chunked + "Content-Length: 5\r\n", "0\r\n\r\n"), 400},
      {"gzip and length", with("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", "hello"), 400},
      {"chunked twice", with(chunked + chunked, "0\r\n\r\n"), 400},
      {"chunked in HTTP/1.0", "POST /first HTTP/1.0\r\n" + chunked + "\r\n0\r\n\r\n", 400},
      {"gzip, chunked", with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501},
      {"chunked, gzip", with("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), 501},
      {"chunked, chunked", with("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 501},
      {"chunked and a comma", with("Transfer-Encoding: chunked,\r\n", "0\r\n\r\n"), 501},
      {"chunked with a parameter", with("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"), 501},
      {"quoted chunked", with("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), 501},
      {"identity", with("Transfer-Encoding: identity\r\n"), 501},
      {"no coding", with("Transfer-Encoding:\r\n"), 501},
      {"xchunked", with("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 501},
      {"gzip, then chunked", with("Transfer-Encoding: gzip\r\n" + chunked, "0\r\n\r\n"), 501},
      // Chunks
      {"chunk size is no number", with(chunked, "xyz\r\n\r\n"), 400},
      {"negative chunk size", with(chunked, "-1\r\n\r\n"), 400},
      {"signed chunk size", with(chunked, "+5\r\nhello\r\n0\r\n\r\n"), 400},
      {"prefixed chunk size", with(chunked, "0x5\r\nhello\r\n0\r\n\r\n"), 400},
      {"chunk size above 64 bits", with(chunked, "10000000000000005\r\nhello\r\n0\r\n\r\n"), 400},
      {"chunk size of 64 bits", with(chunked, "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"), 413},
      {"bare LF after the chunk size", with(chunked, "5\nhello\r\n0\r\n\r\n"), 400},
      {"bare CR in the extension", with(chunked, "5;a\rb\r\nhello\r\n0\r\n\r\n"), 400},
      {"bare LF in the extension", with(chunked, "5;a\nb\r\nhello\r\n0\r\n\r\n"), 400},
      {"white space before the size", with(chunked, " 5\r\nhello\r\n0\r\n\r\n"), 400},
      {"chunk longer than its size", with(chunked, "4\r\nhello\r\n0\r\n\r\n"), 400},
      {"chunk shorter than its size", with(chunked, "6\r\nhello\r\n0\r\n\r\n"), 400},
      {"no CR after the chunk", with(chunked, "5\r\nhello\n0\r\n\r\n"), 400},
      {"bad trailer", with(chunked, "0\r\nbad trailer\r\n\r\n"), 400},
      {"length in the trailer", with(chunked, "0\r\nContent-Length: 50\r\n\r\n"), 400},
      {"endless extension", with(chunked, "5;" + std::string(40'000, 'x')), 400},
      {"endless trailers",
       with(
           chunked, "0\r\n" +
                        [] {
                          std::string trailers;
                          for (int i = 0; i < 4'000; ++i) trailers += "X: yyyyyyy\r\n";
                          return trailers;
                        }()),
       400},
  };
}

}  // namespace

TEST_CASE("whatever two readers could understand differently is refused, and ends the connection") {
  std::mutex mutex;
  std::vector<std::string> served;
  TestServer server([&](const RequestHead& head, BodyReader& body) -> awaitable<Response> {
    Response response = co_await echo(head, body);
    const std::lock_guard lock(mutex);
    served.push_back(head.target + " " + std::to_string(response.status));
    co_return response;
  });
  for (const bool by_bytes : {false, true}) {
    for (const Shape& shape : shapes()) {
      CAPTURE(shape.what, by_bytes);
      RawClient client(server.port());
      // Bytes after the rejected request must never be treated as a request.
      const std::string all = shape.bytes + get("/smuggled");
      if (by_bytes && all.size() < 1'000) {
        client.send_byte_by_byte(all);
      } else {
        client.send(all);
      }
      const RawAnswer answer = client.read_answer();
      CHECK(answer.status == shape.status);
      CHECK(answer.says("Connection: close"));
      CHECK(answer.says("Content-Type: application/json"));
      CHECK(answer.body.starts_with("{\"error\":\""));
      CHECK(answer.body.ends_with("\"}\n"));
      client.end_sending();
      CHECK(client.ends());
    }
  }
  const std::lock_guard lock(mutex);
  CHECK(std::none_of(served.begin(), served.end(), [](const std::string& each) {
    return each.starts_with("/smuggled") || each.ends_with(" 200");
  }));
  CHECK(server.counters().refused_malformed >= shapes().size());
}

TEST_CASE("what is unusual but clear is served") {
  TestServer server(echo);
  const auto [what, request, body] = GENERATE(table<const char*, std::string, std::string>({
      {"a method of one's own", "REPORT /x HTTP/1.1\r\nHost: t\r\n\r\n", "/x:"},
      {"an empty Host", "GET /x HTTP/1.1\r\nHost:\r\n\r\n", "/x:"},
      {"no white space after the colon", "GET /x HTTP/1.1\r\nHost:t\r\n\r\n", "/x:"},
      {"a tab and UTF-8 in a value", "GET /x HTTP/1.1\r\nHost: t\r\nX: a\tb\xc3\xa4\r\n\r\n",
       "/x:"},
      {"an absolute target", "GET http://t/x HTTP/1.1\r\nHost: t\r\n\r\n", "/x:"},
      {"a scheme alone", "GET http HTTP/1.1\r\nHost: t\r\n\r\n", "http:"},
      {"a body on GET", "GET /x HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi", "/x:hi"},
      {"leading zeros in a length", "POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 002\r\n\r\nhi",
       "/x:hi"},
      {"POST without a length", "POST /x HTTP/1.1\r\nHost: t\r\n\r\n", "/x:"},
      {"an upgrade that is not taken",
       "GET /x HTTP/1.1\r\nHost: t\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
       "/x:"},
      {"letters of either case in chunk sizes",
       "POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: "
       "chunked\r\n\r\nA\r\n0123456789\r\na\r\n0123456789\r\n00\r\n\r\n",
       "/x:01234567890123456789"},
  }));
  CAPTURE(what);
  RawClient client(server.port());
  client.send(request);
  client.send(get("/next"));
  CHECK(client.read_answer().body == body);
  CHECK(client.read_answer().body == "/next:");
}

TEST_CASE("a peer that goes away in the middle of a request leaves nothing behind") {
  TestServer server(echo);
  for (const char* part :
       {"", "P", "POST / HTTP/1.1\r\nHost: t\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhalf",
        "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal"}) {
    RawClient client(server.port());
    client.send(part);
    client.close();
  }
  CHECK(eventually([&] {
    return server.counters().accepted == 5 && server.counters().connections_current == 0;
  }));
  CHECK(server.counters().body_bytes_current == 0);
  CHECK(server.counters().requests_current == 0);
}

}  // namespace receiver::http
