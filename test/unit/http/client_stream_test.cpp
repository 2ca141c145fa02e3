#include <atomic>
#include <cstdio>
#include <future>
#include <string>
#include <thread>

#include <catch2/catch.hpp>

#include "http/client.h"
#include "test/support/simulated_time.h"
#include "test/unit/http/client_fixture.h"

namespace receiver::http {

TEST_CASE("a stream hands its body on as it arrives, byte by byte if need be") {
  const Connection connection = GENERATE(Connection::kPooled, Connection::kOwn);
  const std::string text = "{\"type\":\"ADDED\"}\n";
  std::atomic<std::size_t> taken{0};
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    peer.send(std::string(kOkHead) + "Transfer-Encoding: chunked\r\n\r\n");
    for (std::size_t i = 0; i < text.size(); ++i) {
      while (taken < i) std::this_thread::yield();
      peer.send("1\r\n" + text.substr(i, 1) + "\r\n");
    }
    peer.send("0\r\n\r\n");
    peer.wait_for_close();
  });
  ClientFixture test(server);
  const auto stream = test.open(connection);
  REQUIRE(outcome(stream) == "ok");
  CHECK((*stream)->status() == 200);
  CHECK((*stream)->headers().find("transfer-encoding") == "chunked");
  for (const char expected : text) {
    CHECK(test.next(**stream) == std::string(1, expected));
    ++taken;
  }
  CHECK(test.next(**stream) == "");
  CHECK(test.next(**stream) == "");
}

TEST_CASE("bodies of every framing stream whole, in pieces of bounded size") {
  const Connection connection = GENERATE(Connection::kPooled, Connection::kOwn);
  const std::string framing = GENERATE("length", "chunked", "close");
  std::string body;
  for (int i = 0; i < 30'000; ++i) body += std::to_string(i);
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    if (framing == "length") peer.answer(body);
    if (framing == "close") peer.send(std::string(kOkHead) + "\r\n" + body);
    if (framing == "chunked") {
      std::string text = std::string(kOkHead) + "Transfer-Encoding: chunked\r\n\r\n";
      for (std::size_t at = 0, size = 1; at < body.size(); at += size, size = size * 3 % 40'009) {
        const std::string chunk = body.substr(at, size);
        char header[32];
        std::snprintf(header, sizeof header, "%zx\r\n", chunk.size());
        text += header + chunk + "\r\n";
      }
      peer.send(text + "0\r\n\r\n");
    }
    peer.end();
    peer.wait_for_close();
  });
  ClientFixture test(server);
  const auto stream = test.open(connection);
  REQUIRE(outcome(stream) == "ok");
  const std::size_t largest = 16 * 1024;  // first, what came with the header
  std::string received;
  for (;;) {
    const auto piece = test.next(**stream);
    REQUIRE(outcome(piece) == "ok");
    if (piece->empty()) break;
    CHECK(piece->size() <= largest);
    received += *piece;
  }
  CHECK(received == body);
}

TEST_CASE("a stream that nobody reads holds its sender back") {
  std::atomic<std::size_t> sent{0};
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    peer.send(std::string(kOkHead) + "\r\n");
    const std::string piece(65536, 'x');
    while (sent < 256'000'000 && peer.send(piece)) sent += piece.size();
  });
  ClientFixture test(server);
  auto stream = test.open(Connection::kOwn);
  REQUIRE(outcome(stream) == "ok");
  std::size_t before = 1;
  test.run_until([&] {  // until the socket's buffers are full
    std::this_thread::sleep_for(20ms);
    return std::exchange(before, sent.load()) == sent;
  });
  CHECK(sent < 64'000'000);
}

TEST_CASE("a stream read to its end gives its connection back, one left early closes it") {
  std::promise<void> closed;
  ScriptedServer server([&](Peer& peer) {
    peer.answer_all(std::string(100, 'x'));
    if (peer.number() == 1) closed.set_value();
  });
  auto options = ClientFixture::plain(server);
  options.connections = 1;
  ClientFixture test(options);
  auto stream = test.open();
  REQUIRE(outcome(stream) == "ok");
  REQUIRE(test.next(**stream)->size() == 100);
  SECTION("read to its end") {
    CHECK(test.next(**stream) == "");
    CHECK(outcome(test.get()) == "ok");  // even while the stream lives
    CHECK(server.accepted() == 1);
  }
  SECTION("left early") {
    stream->reset();
    closed.get_future().wait();
    CHECK(outcome(test.get()) == "ok");
    CHECK(server.accepted() == 2);
  }
}

TEST_CASE("a stream without news ends after its idle time, and stays ended") {
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    peer.send(std::string(kOkHead) + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    peer.wait_for_close();
  });
  ClientFixture test(server);
  auto stream = test.open(Connection::kOwn);
  REQUIRE(outcome(stream) == "ok");
  CHECK(test.next(**stream, 30ms) == "x");
  CHECK(outcome(test.next(**stream, 30ms)) == "timeout");
  CHECK(outcome(test.next(**stream, 30ms)) == "timeout");
}

TEST_CASE("the deadline of opening a stream does not bound the stream") {
  Gate later;
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    peer.send(std::string(kOkHead) + "Content-Length: 1\r\n\r\n");
    later.wait();
    peer.send("x");
    peer.wait_for_close();
  });
  test::SimulatedTime time;
  ClientFixture test(server);
  auto stream = test.open(Connection::kOwn, 1s);
  REQUIRE(outcome(stream) == "ok");
  const auto piece = test.start((*stream)->next(10s));
  time.pass(5s);
  test::SimulatedTime::settle(test.io());
  later.open();
  CHECK(outcome(test.finish(piece)) == "ok");
}

TEST_CASE("a stream that breaks off is an error, not an end") {
  ScriptedServer server([](Peer& peer) {
    peer.request();
    peer.send(std::string(kOkHead) + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
  });
  ClientFixture test(server);
  auto stream = test.open(Connection::kOwn);
  REQUIRE(outcome(stream) == "ok");
  CHECK(test.next(**stream) == "x");
  CHECK(outcome(test.next(**stream)) == "broken");
}

}  // namespace receiver::http
