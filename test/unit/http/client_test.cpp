#include "http/client.h"

#include <atomic>
#include <condition_variable>
#include <future>
#include <sys/socket.h>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "test/support/simulated_time.h"
#include "test/unit/http/client_fixture.h"

namespace receiver::http {
namespace {

using Connection = Client::Connection;

constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\n";

/// Synchronizes the scripts of several connections with the test.
class Gate {
 public:
  void open() { opened_.set_value(); }
  void wait() const { future_.wait(); }

 private:
  std::promise<void> opened_;
  std::shared_future<void> future_ = opened_.get_future().share();
};

/// An option of each of this process's connections to a port of this machine.
std::vector<int> options_of_connections_to(unsigned short port, int level, int name) {
  std::vector<int> values;
  for (int socket = 0; socket < 1024; ++socket) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (peer.sin_family != AF_INET || peer.sin_port != htons(port)) continue;
    int& value = values.emplace_back();
    size = sizeof value;
    ::getsockopt(socket, level, name, &value, &size);
  }
  return values;
}

}  // namespace

TEST_CASE("a request arrives as it was asked for, and its answer is read whole") {
  const std::string address = GENERATE("127.0.0.1", "::1");
  std::promise<std::string> seen;
  ScriptedServer server(
      [&](Peer& peer) {
        seen.set_value(peer.request().value_or(""));
        peer.send("HTTP/1.1 201 Created\r\nX-Id: 7\r\nContent-Length: 2\r\n\r\nhi");
        peer.wait_for_close();
      },
      address);
  ClientFixture test(server);
  const auto answer =
      test.send(make_request("PATCH", "/a?b", {{"Content-Type", "text/plain"}}, "body"));
  REQUIRE(outcome(answer) == "ok");
  CHECK(answer->status == 201);
  CHECK(answer->headers.find("x-id") == "7");
  CHECK(answer->body == "hi");
  const std::string host = address == "::1" ? "[::1]" : address;
  CHECK(seen.get_future().get() ==
        "PATCH /a?b HTTP/1.1\r\nHost: " + host + ":" + std::to_string(server.port()) +
            "\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody");
}

TEST_CASE("names are resolved, and every address of theirs is tried") {
  ScriptedServer server([](Peer& peer) { peer.answer_all(); });
  auto options = ClientFixture::plain(server);
  options.host = "localhost";  // possibly ::1 first, where nothing listens
  ClientFixture test(options);
  CHECK(outcome(test.get()) == "ok");
}

TEST_CASE("a name that cannot be resolved is an error of connecting") {
  const std::string name(300, 'a');  // too long: no name server is asked
  ClientFixture test(ClientOptions{.scheme = "http", .host = name, .port = 80});
  const auto result = test.get();
  REQUIRE(outcome(result) == "connect");
  CHECK_THAT(result.error().message, Catch::StartsWith(name + ":80: cannot resolve the name: "));
}

TEST_CASE("requests in turn share one connection") {
  ScriptedServer server([](Peer& peer) { peer.answer_all(); });
  ClientFixture test(server);
  for (int i = 0; i < 5; ++i) CHECK(outcome(test.get()) == "ok");
  CHECK(server.accepted() == 1);
}

TEST_CASE("an answer that closes, or whose end is the connection's, is not followed by a request") {
  const std::string answer =
      GENERATE("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
               "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\n\r\nok");
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    peer.send(answer);
    if (answer.find("Content-Length") == std::string::npos) peer.end();
    peer.wait_for_close();
  });
  ClientFixture test(server);
  CHECK(test.get()->body == "ok");
  CHECK(test.get()->body == "ok");
  CHECK(server.accepted() == 2);
}

TEST_CASE("a connection that the server has closed or spoken on meanwhile is not used") {
  const std::string meanwhile = GENERATE("closes", "resets", "speaks");
  std::promise<void> done;
  std::promise<bool> no_request_came;
  ScriptedServer server([&](Peer& peer) {
    if (peer.number() > 1) return peer.answer_all("second");
    peer.request();
    peer.answer("first");
    if (meanwhile == "closes") peer.end();
    if (meanwhile == "resets") peer.reset();
    if (meanwhile == "speaks") peer.send("HTTP/1.1 408 Request Timeout\r\n\r\n");
    done.set_value();
    no_request_came.set_value(meanwhile == "resets" || peer.wait_for_close());
  });
  ClientFixture test(server);
  CHECK(test.get()->body == "first");
  done.get_future().wait();
  CHECK(test.get()->body == "second");
  CHECK(no_request_came.get_future().get());
}

TEST_CASE("a request that dies on a reused connection before any answer is sent once more") {
  const bool by_reset = GENERATE(false, true);
  std::atomic<int> requests{0};
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    ++requests;
    peer.answer();
    if (peer.number() > 1) return peer.answer_all();
    if (peer.request()) ++requests;
    if (by_reset) peer.reset();
  });
  ClientFixture test(server);
  REQUIRE(outcome(test.get()) == "ok");
  CHECK(outcome(test.get()) == "ok");
  CHECK(requests == 3);
  CHECK(server.accepted() == 2);
}

TEST_CASE("a request that dies on a fresh connection is not sent again") {
  std::atomic<int> requests{0};
  ScriptedServer server([&](Peer& peer) {
    if (peer.number() == 1) {
      peer.request();
      peer.answer();
    }
    if (peer.request()) ++requests;
  });
  ClientFixture test(server);
  REQUIRE(outcome(test.get()) == "ok");
  CHECK(outcome(test.get()) == "broken");  // on the reused connection, then on a new one
  CHECK(requests == 2);
  CHECK(outcome(test.get()) == "broken");
  CHECK(requests == 3);
}

TEST_CASE("a request that must not be sent twice has a connection of its own, which is kept") {
  std::atomic<int> requests{0};
  ScriptedServer server([&](Peer& peer) {
    while (peer.request()) {
      ++requests;
      if (peer.number() == 3) return;  // it may have acted
      peer.answer();
    }
  });
  ClientFixture test(server);
  Request once = make_request("POST", "/", {}, "{}");
  once.repeatable = false;
  REQUIRE(outcome(test.get()) == "ok");
  CHECK(outcome(test.send(once)) == "ok");
  CHECK(server.accepted() == 2);
  CHECK(outcome(test.send(once)) == "broken");
  CHECK(requests == 3);
  CHECK(outcome(test.get()) == "ok");
  CHECK(server.accepted() == 3);
}

TEST_CASE("a request is not sent again once a byte of its answer came") {
  std::atomic<int> requests{0};
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    peer.answer();
    if (peer.request()) ++requests;
    peer.send("H");
  });
  ClientFixture test(server);
  REQUIRE(outcome(test.get()) == "ok");
  CHECK(outcome(test.get()) == "broken");
  CHECK(requests == 1);
  CHECK(server.accepted() == 1);
}

TEST_CASE("an answer that breaks off or makes no sense is an error") {
  const std::string answer = GENERATE_COPY(values<std::string>({
      std::string(kHead) + "Content-Length: 10\r\n\r\nabc",
      std::string(kHead) + "Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
      std::string(kHead) + "X: ",
      "SSH-2.0-server\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
      "",
  }));
  const bool by_reset = GENERATE(false, true);
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    peer.send(answer);
    if (by_reset) peer.reset();
  });
  ClientFixture test(server);
  const auto result = test.get();
  REQUIRE(outcome(result) == "broken");
  CHECK(result.error().message.find("127.0.0.1:" + std::to_string(server.port())) == 0);
}

TEST_CASE("interim answers are skipped, but not without end") {
  const int interims = GENERATE(1, 3, 7, 8, 50);
  ScriptedServer server([&](Peer& peer) {
    while (peer.request()) {
      for (int i = 0; i < interims; ++i) peer.send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
      peer.answer();
    }
  });
  ClientFixture test(server);
  const auto result = test.get();
  CHECK(outcome(result) == (interims < 8 ? "ok" : "broken"));
  if (result) CHECK_FALSE(result->headers.find("Link"));
}

TEST_CASE("an answer to HEAD is complete without a body") {
  ScriptedServer server([](Peer& peer) {
    while (peer.request()) peer.send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
  });
  ClientFixture test(server);
  CHECK(outcome(test.send(make_request("HEAD", "/"))) == "ok");
  CHECK(outcome(test.send(make_request("HEAD", "/"))) == "ok");
  CHECK(server.accepted() == 1);
}

TEST_CASE("long bodies travel whole in both directions") {
  const std::string body(5 * 1024 * 1024 + 7, 'x');
  ScriptedServer server([&](Peer& peer) {
    while (const auto request = peer.request()) {
      peer.answer(request->substr(request->find("\r\n\r\n") + 4));
    }
  });
  ClientFixture test(server);
  const auto answer = test.send(make_request("PUT", "/", {}, body));
  REQUIRE(outcome(answer) == "ok");
  CHECK(answer->body == body);
}

TEST_CASE("a server that refuses a long request unread is understood") {
  ScriptedServer server([](Peer& peer) {
    peer.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    peer.end();
    peer.request();
  });
  ClientFixture test(server);
  const auto answer = test.send(make_request("PUT", "/", {}, std::string(8 * 1024 * 1024, 'x')));
  REQUIRE(outcome(answer) == "ok");
  CHECK(answer->status == 413);
}

TEST_CASE("an answer above the cap is refused, whether it says so or not") {
  const std::string body(101, 'x');
  const std::string answer = GENERATE_COPY(values<std::string>({
      "Content-Length: 101\r\n\r\n" + body,
      "Content-Length: 99999999999\r\n\r\n" + body,
      "Transfer-Encoding: chunked\r\n\r\n65\r\n" + body + "\r\n0\r\n\r\n",
      "\r\n" + body,
  }));
  ScriptedServer server([&](Peer& peer) {
    while (const auto request = peer.request()) {
      if (request->find("GET /small") == 0) {
        peer.answer(std::string(100, 'x'));
      } else {
        peer.send(std::string(kHead) + answer);
      }
    }
  });
  auto options = ClientFixture::plain(server);
  options.body_bytes = 100;
  ClientFixture test(options);
  CHECK(outcome(test.get("/small")) == "ok");
  CHECK(outcome(test.get("/large")) == "too large");
  CHECK(outcome(test.get("/small")) == "ok");
}

TEST_CASE("the deadline covers the answer's head and its body") {
  const std::string sent = GENERATE("", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    peer.send(sent);
    peer.wait_for_close();
  });
  ClientFixture test(server);
  const auto begin = std::chrono::steady_clock::now();
  CHECK(outcome(test.get("/", 50ms)) == "timeout");
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK(took >= 50ms);
  CHECK(took < 5s);
}

TEST_CASE("the deadline covers sending to a server that does not read") {
  Gate done;
  ScriptedServer server([&](Peer&) { done.wait(); });
  ClientFixture test(server);
  CHECK(outcome(test.send(make_request("PUT", "/", {}, std::string(64'000'000, 'x')), 100ms)) ==
        "timeout");
  done.open();
}

TEST_CASE("a deadline that has passed sends nothing") {
  ScriptedServer server([](Peer& peer) { peer.answer_all(); });
  ClientFixture test(server);
  CHECK(outcome(test.get("/", -1ms)) == "timeout");
  CHECK(server.accepted() == 0);
}

TEST_CASE("without a listener the error says where nobody listens") {
  unsigned short port = 0;
  {
    const ScriptedServer gone([](Peer&) {});
    port = gone.port();
  }
  ClientFixture test(ClientOptions{.scheme = "http", .host = "127.0.0.1", .port = port});
  const auto result = test.get();
  REQUIRE(outcome(result) == "connect");
  CHECK(result.error().message ==
        "127.0.0.1:" + std::to_string(port) + ": cannot connect: Connection refused");
}

TEST_CASE("a request that would be injected into is an error of the caller, and is not sent") {
  ScriptedServer server([](Peer& peer) { peer.answer_all(); });
  ClientFixture test(server);
  CHECK(outcome(test.send(make_request("GET", "/ HTTP/1.1\r\nX: y"))) == "connect");
  CHECK(outcome(test.send(make_request("GET", "/", {{"A", "b\r\nX: y"}}))) == "connect");
  CHECK(server.accepted() == 0);
}

TEST_CASE("the pool is bounded, and requests wait for it in order") {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> order;
  int now = 0;
  int most = 0;
  std::size_t together = 1;  // this many at least are awaited before any is answered
  ScriptedServer server([&](Peer& peer) {
    while (const auto request = peer.request()) {
      {
        std::unique_lock lock(mutex);
        order.push_back(request->substr(0, request->find(" HTTP")));
        most = std::max(most, ++now);
        changed.notify_all();
        changed.wait_for(lock, ClientFixture::kLongest, [&] { return order.size() >= together; });
      }
      std::this_thread::sleep_for(2ms);  // so that a surplus request would overlap
      {
        const std::lock_guard lock(mutex);
        --now;
      }
      peer.answer();
    }
  });
  auto options = ClientFixture::plain(server);

  SECTION("with one connection the order is exact") {
    options.connections = 1;
    ClientFixture test(options);
    std::vector<Pending<Result<Response>>> calls;
    std::vector<std::string> expected;
    for (int i = 0; i < 20; ++i) {
      calls.push_back(test.start_get(fmt::format("/{}", i)));
      expected.push_back(fmt::format("GET /{}", i));
    }
    for (const auto& call : calls) CHECK(outcome(test.finish(call)) == "ok");
    CHECK(order == expected);
    CHECK(server.accepted() == 1);
  }
  SECTION("with three no more than three are under way") {
    options.connections = 3;
    together = 3;
    ClientFixture test(options);
    std::vector<Pending<Result<Response>>> calls;
    for (int i = 0; i < 20; ++i) calls.push_back(test.start_get());
    for (const auto& call : calls) CHECK(outcome(test.finish(call)) == "ok");
    CHECK(most == 3);
    CHECK(server.accepted() == 3);
  }
}

TEST_CASE("who waits for the pool beyond the deadline gives up, and the next one is served") {
  Gate go;
  ScriptedServer server([&](Peer& peer) {
    while (peer.request()) {
      go.wait();
      peer.answer();
    }
  });
  auto options = ClientFixture::plain(server);
  options.connections = 1;
  options.waiting = 2;
  ClientFixture test(options);
  const auto first = test.start_get("/first");
  const auto hasty = test.start_get("/hasty", 300ms);
  const auto patient = test.start_get("/patient");
  const auto surplus = test.start_get("/surplus");
  CHECK(outcome(test.finish(surplus)) == "connect");
  CHECK(outcome(test.finish(hasty)) == "timeout");
  CHECK_FALSE(patient.is_done());
  go.open();
  CHECK(outcome(test.finish(first)) == "ok");
  CHECK(outcome(test.finish(patient)) == "ok");
  CHECK(outcome(test.get()) == "ok");  // no slot was lost
}

TEST_CASE("failures give their slot of the pool back") {
  ScriptedServer server([](Peer& peer) {
    if (peer.number() <= 3) return;
    peer.answer_all();
  });
  auto options = ClientFixture::plain(server);
  options.connections = 1;
  ClientFixture test(options);
  for (int i = 0; i < 3; ++i) CHECK(outcome(test.get()) == "broken");
  CHECK(outcome(test.get()) == "ok");
}

TEST_CASE("a pooled connection that idles for too long is closed") {
  std::promise<void> closed;
  ScriptedServer server([&](Peer& peer) {
    peer.answer_all();
    closed.set_value();
  });
  auto options = ClientFixture::plain(server);
  options.idle_time = 20ms;
  ClientFixture test(options);
  REQUIRE(outcome(test.get()) == "ok");
  auto future = closed.get_future();
  test.run_until([&] { return future.wait_for(0s) == std::future_status::ready; });
}

TEST_CASE("a stream hands its body on as it arrives, byte by byte if need be") {
  const Connection connection = GENERATE(Connection::kPooled, Connection::kOwn);
  const std::string text = "{\"type\":\"ADDED\"}\n";
  std::atomic<std::size_t> taken{0};
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    peer.send(std::string(kHead) + "Transfer-Encoding: chunked\r\n\r\n");
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
    if (framing == "close") peer.send(std::string(kHead) + "\r\n" + body);
    if (framing == "chunked") {
      std::string text = std::string(kHead) + "Transfer-Encoding: chunked\r\n\r\n";
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
    peer.send(std::string(kHead) + "\r\n");
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
    peer.send(std::string(kHead) + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
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
    peer.send(std::string(kHead) + "Content-Length: 1\r\n\r\n");
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
    peer.send(std::string(kHead) + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
  });
  ClientFixture test(server);
  auto stream = test.open(Connection::kOwn);
  REQUIRE(outcome(stream) == "ok");
  CHECK(test.next(**stream) == "x");
  CHECK(outcome(test.next(**stream)) == "broken");
}

TEST_CASE("own connections are outside the pool and its bound") {
  ScriptedServer server([](Peer& peer) {
    while (const auto request = peer.request()) {
      if (request->find("GET /watch") != 0) {
        peer.answer();
      } else {
        peer.send(std::string(kHead) + "Transfer-Encoding: chunked\r\n\r\n");
      }
    }
  });
  auto options = ClientFixture::plain(server);
  options.connections = 1;
  ClientFixture test(options);
  std::vector<ClientFixture::Opened> watches;
  for (int i = 0; i < 5; ++i) {
    watches.push_back(test.await(test.client().open(make_request("GET", "/watch"),
                                                    ClientFixture::in(10s), Connection::kOwn)));
    CHECK(outcome(watches.back()) == "ok");
  }
  CHECK(outcome(test.get()) == "ok");
  CHECK(server.accepted() == 6);
}

TEST_CASE("closing the client ends everything at once") {
  ScriptedServer server([](Peer& peer) {
    while (const auto request = peer.request()) {
      if (request->find("GET /watch") == 0) {
        peer.send(std::string(kHead) + "Transfer-Encoding: chunked\r\n\r\n");
      }
    }
  });
  auto options = ClientFixture::plain(server);
  options.connections = 1;
  ClientFixture test(options);
  auto watch = test.await(
      test.client().open(make_request("GET", "/watch"), ClientFixture::in(10s), Connection::kOwn));
  REQUIRE(outcome(watch) == "ok");
  const auto piece = test.start((*watch)->next(10s));
  const auto in_flight = test.start_get("/1");
  const auto waiting = test.start_get("/2");
  test.run_until([&] { return server.accepted() == 2; });

  const auto begin = std::chrono::steady_clock::now();
  const bool by_destroying = GENERATE(false, true);
  if (by_destroying) {
    test.destroy_client();
  } else {
    test.client().close();
    test.client().close();
  }
  CHECK(outcome(test.finish(piece)) == "closed");
  CHECK(outcome(test.finish(in_flight)) == "closed");
  CHECK(outcome(test.finish(waiting)) == "closed");
  CHECK(std::chrono::steady_clock::now() - begin < 8s);  // and not when their time is over
  CHECK(outcome(test.next(**watch)) == "closed");
  if (!by_destroying) {
    CHECK(outcome(test.get()) == "closed");
    CHECK(outcome(test.open(Connection::kOwn)) == "closed");
  }
}

TEST_CASE("closing the client ends requests that have not begun or are still connecting") {
  ScriptedServer server([](Peer& peer) {
    while (!peer.wait_for_close()) continue;  // whatever it still sends
  });
  auto options = ClientFixture::plain(server);
  options.host = GENERATE("127.0.0.1", "localhost", "name.invalid");
  ClientFixture test(options);
  const auto call = test.start_get();
  const int steps = GENERATE(0, 1, 2, 3);
  for (int i = 0; i < steps; ++i) test.io().poll_one();
  test.client().close();
  const std::string ended = outcome(test.finish(call));
  INFO(options.host << " after " << steps << " steps: " << ended);
  // The resolver may have answered earlier for a name that does not exist.
  CHECK((ended == "closed" || (options.host == "name.invalid" && ended == "connect")));
}

TEST_CASE("a peer that is gone is noticed by the kernel, whether something is sent to it or not") {
  ScriptedServer server([](Peer& peer) { peer.answer_all(); });
  ClientFixture test(server);
  REQUIRE(outcome(test.get()) == "ok");
  const auto is_set = [&](int level, int name, int value) {
    return options_of_connections_to(server.port(), level, name) == std::vector{value};
  };
  CHECK(is_set(IPPROTO_TCP, TCP_USER_TIMEOUT, 5'000));
  CHECK(is_set(SOL_SOCKET, SO_KEEPALIVE, 1));
  CHECK(is_set(IPPROTO_TCP, TCP_KEEPIDLE, 30));
  CHECK(is_set(IPPROTO_TCP, TCP_KEEPINTVL, 10));
}

TEST_CASE("a thread that ends with requests under way leaves nothing behind") {
  ScriptedServer server([](Peer& peer) {
    peer.request();
    peer.send(std::string(kHead) + "Transfer-Encoding: chunked\r\n\r\n");
    peer.wait_for_close();
  });
  auto options = ClientFixture::plain(server);
  options.connections = 1;
  options.host = GENERATE("127.0.0.1", "localhost");
  std::optional<Client> client;
  {
    boost::asio::io_context io(1);
    client.emplace(io.get_executor(), options);
    for (int i = 0; i < 3; ++i) {
      boost::asio::co_spawn(io, client->send(make_request("GET", "/"), ClientFixture::in(10s)),
                            [](const std::exception_ptr&, const Result<Response>&) {});
      boost::asio::co_spawn(
          io, client->open(make_request("GET", "/"), ClientFixture::in(10s), Connection::kOwn),
          [](const std::exception_ptr&, const Result<std::unique_ptr<ResponseStream>>&) {});
    }
    const auto end = ClientFixture::in(GENERATE(0ms, 50ms));
    do {
      io.poll();
    } while (std::chrono::steady_clock::now() < end);
    client.reset();
  }
}

}  // namespace receiver::http
