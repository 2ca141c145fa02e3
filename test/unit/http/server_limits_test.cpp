#include <ctime>
#include <dirent.h>
#include <set>
#include <sys/resource.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "http/server.h"
#include "test/support/simulated_time.h"
#include "test/unit/http/server_fixture.h"

namespace receiver::http {
namespace {

using boost::asio::awaitable;
using Clock = std::chrono::steady_clock;

/// A handler that answers when the test says so.
class HeldHandler {
 public:
  Handler handler() {
    return [this](const RequestHead& head, BodyReader& body) -> awaitable<Response> {
      Response response = co_await echo(head, body);
      ++waiting_;
      boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
      while (!open_) {
        timer.expires_after(1ms);
        co_await timer.async_wait(boost::asio::use_awaitable);
      }
      co_return response;
    };
  }
  void open() { open_ = true; }
  [[nodiscard]] int waiting() const { return waiting_; }

 private:
  std::atomic<bool> open_{false};
  std::atomic<int> waiting_{0};
};

TestServer::Options with(ServerLimits limits) {
  TestServer::Options options;
  options.limits = limits;
  return options;
}

}  // namespace

TEST_CASE("a head above the bound is 431, which its sender can read") {
  TestServer server(echo);
  const auto [what, fields] = GENERATE(table<const char*, std::string>({
      {"one byte too many", "X: " + std::string(16 * 1024 + 1 - 32, 'x') + "\r\n"},
      {"a field without end", "X: " + std::string(3'000'000, 'x') + "\r\n"},
      {"101 fields",
       [] {
         std::string text;
         for (int i = 0; i < 100; ++i) text += "a:\r\n";
         return text;
       }()},
  }));
  CAPTURE(what);
  RawClient client(server.port());
  CHECK(client.send("GET / HTTP/1.1\r\nHost: t\r\n" + fields + "\r\n"));
  const RawAnswer answer = client.read_answer();
  CHECK(answer.status == 431);
  CHECK(answer.body == "{\"error\":\"request header fields too large\"}\n");
  CHECK(answer.says("Connection: close"));
  client.end_sending();
  CHECK(client.ends());
  CHECK(server.counters().refused_header_bytes == 1);
}

TEST_CASE("a head of exactly the bound is served, also with the target as its largest part") {
  TestServer server(echo);
  const std::string around = "GET / HTTP/1.1\r\nHost: t\r\nX: \r\n\r\n";
  RawClient client(server.port());
  const std::string filler(16 * 1024 - around.size(), 'x');
  client.send("GET / HTTP/1.1\r\nHost: t\r\nX: " + filler + "\r\n\r\n");
  CHECK(client.read_answer().status == 200);
  client.send("GET /" + filler + " HTTP/1.1\r\nHost: t\r\n\r\n");
  CHECK(client.read_answer().status == 200);
  client.send("GET /" + filler + "123456 HTTP/1.1\r\nHost: t\r\n\r\n");
  CHECK(client.read_answer().status == 431);
}

TEST_CASE("a body above the bound is 413, with the bound in it") {
  ServerLimits limits;
  limits.body_bytes = 1000;
  TestServer server(
      [limits](const RequestHead&, BodyReader& body) -> awaitable<Response> {
        for (;;) {
          const auto piece = co_await body.next();
          if (!piece) {
            const auto again = co_await body.next();
            co_return again.error() == piece.error() ? answer_for(piece.error(), limits)
                                                     : Response{};
          }
          if (piece->empty()) co_return Response{};
        }
      },
      with(limits));
  RawClient client(server.port());
  SECTION("announced: none of it is awaited") {
    client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1001\r\n\r\n");
  }
  SECTION("announced and sent, far more than fits into the buffers between") {
    CHECK(client.send(post("/", std::string(5'000'000, 'x'))));
  }
  SECTION("chunked, in one chunk") {
    client.send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n");
  }
  SECTION("chunked, growing") {
    client.send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 11; ++i) client.send("64\r\n" + std::string(100, 'x') + "\r\n");
  }
  const RawAnswer answer = client.read_answer();
  CHECK(answer.status == 413);
  CHECK(answer.body == "{\"error\":\"content exceeds limit of 1000 bytes\"}\n");
  CHECK(answer.says("Connection: close"));
  client.end_sending();
  CHECK(client.ends());
  CHECK(server.counters().refused_body_bytes == 1);
}

TEST_CASE("a body of exactly the bound is served") {
  ServerLimits limits;
  limits.body_bytes = 1000;
  TestServer server(echo, with(limits));
  RawClient client(server.port());
  client.send(post("/", std::string(1000, 'x')));
  CHECK(client.read_answer().status == 200);
  client.send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" +
              std::string(1000, 'x') + "\r\n0\r\n\r\n");
  CHECK(client.read_answer().status == 200);
}

TEST_CASE("a chunked body may not be nearly all framing") {
  ServerLimits limits;
  limits.body_bytes = 100'000;
  TestServer server(echo, with(limits));
  RawClient client(server.port());
  client.send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "1;" + std::string(1000, 'x') + "\r\nx\r\n";
  for (int i = 0; i < 1000; ++i) client.send(chunk);
  CHECK(client.read_answer().status == 400);
}

TEST_CASE("what follows a chunked body does not count as its framing") {
  ServerLimits limits;
  limits.body_bytes = 1;
  TestServer server(echo, with(limits));
  RawClient client(server.port());
  client.send(
      "POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n1;abcdefg\r\nx\r\n");
  REQUIRE(eventually([&] { return server.counters().body_bytes_current == 1; }));
  std::string next;
  while (next.size() < 20'000) next += get("/next");
  client.send("0\r\n\r\n" + next);
  CHECK(client.read_answer().body == "/x:x");
  CHECK(client.read_answer().body == "/next:");
}

TEST_CASE(
    "a head that does not arrive in time is 408, and a peer that says nothing is left in silence") {
  ServerLimits limits;
  limits.header_time = 60ms;
  SECTION("part of a head, in drops") {
    TestServer server(echo, with(limits));
    RawClient client(server.port());
    const auto begin = Clock::now();
    client.send("GET / HTTP/1.1\r\nHost: t\r\n");
    const RawAnswer answer = client.read_answer();
    CHECK(answer.status == 408);
    CHECK(answer.body == "{\"error\":\"request header not received in time\"}\n");
    CHECK(answer.says("Connection: close"));
    CHECK(Clock::now() - begin >= 60ms);
    CHECK(client.ends());
    CHECK(server.counters().refused_header_time == 1);
  }
  SECTION("the time counts from the first byte, however steadily more follow") {
    TestServer server(echo, with(limits));
    RawClient client(server.port());
    client.send("GET / HTTP/1.1\r\nHost: t\r\nX: ");
    while (client.is_quiet()) {
      client.send("x");
      std::this_thread::sleep_for(5ms);
    }
    CHECK(client.read_answer().status == 408);
  }
  SECTION("nothing at all") {
    limits.idle_time = 120ms;
    TestServer server(echo, with(limits));
    const auto begin = Clock::now();
    RawClient client(server.port());
    CHECK(client.ends());
    CHECK(Clock::now() - begin >= 120ms);
    // Though the client has not closed it.
    CHECK(eventually([&] { return server.counters().connections_current == 0; }));
    CHECK(server.counters().refused_header_time == 0);
    CHECK(server.counters().refused_idle_time == 1);
  }
  SECTION("nothing after an answer") {
    test::SimulatedTime time;
    TestServer server(echo, with(limits));
    RawClient client(server.port());
    client.send(get("/"));
    CHECK(client.read_answer().status == 200);
    const auto begin = clock::Steady::now();
    CHECK(eventually([&] {
      time.pass(5s);
      return server.counters().refused_idle_time == 1;
    }));
    CHECK(client.ends());
    CHECK(clock::Steady::now() - begin >= limits.idle_time);
  }
}

TEST_CASE("a body that does not arrive in time is 408") {
  ServerLimits limits;
  limits.body_time = 60ms;
  TestServer server(echo, with(limits));
  const char* head =
      GENERATE("Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n5\r\nhal");
  RawClient client(server.port());
  client.send(std::string("POST / HTTP/1.1\r\nHost: t\r\n") + head);
  const RawAnswer answer = client.read_answer();
  CHECK(answer.status == 408);
  CHECK(client.ends());
  CHECK(server.counters().refused_body_time == 1);
  CHECK(server.counters().body_bytes_current == 0);
}

TEST_CASE("a peer that does not read its answer is cut off") {
  ServerLimits limits;
  limits.write_time = 60ms;
  TestServer server(
      [](const RequestHead&, BodyReader&) -> awaitable<Response> {
        Response response;
        response.body = std::string(20'000'000, 'x');
        co_return response;
      },
      with(limits));
  RawClient client(server.port());
  client.send(get("/"));
  CHECK(eventually([&] {
    return server.counters().accepted == 1 && server.counters().connections_current == 0;
  }));
}

TEST_CASE("what follows the last answer is dropped, for a bounded time and a bounded size") {
  ServerLimits limits;
  TestServer::Options options;
  SECTION("time") {
    limits.linger_time = 50ms;
  }
  SECTION("size") {
    limits.linger_bytes = 100'000;
  }
  TestServer server(unknown, with(limits));
  RawClient client(server.port());
  client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000000\r\n\r\n");
  CHECK(client.read_answer().status == 404);
  const std::string more(1000, 'x');
  CHECK(eventually([&] { return !client.send(more); }));
  CHECK(eventually([&] { return server.counters().connections_current == 0; }));
}

TEST_CASE("the bytes of all bodies held are bounded, and an answer gives its body's share back") {
  ServerLimits limits;
  limits.bodies_bytes = 10'000;
  HeldHandler gate;
  TestServer server(gate.handler(), with(limits));
  RawClient first(server.port());
  first.send(post("/first", std::string(8'000, 'x')));
  REQUIRE(eventually([&] { return gate.waiting() == 1; }));
  CHECK(server.counters().body_bytes_current == 8'000);

  RawClient second(server.port());
  second.send(post("/second", std::string(3'000, 'x')));
  REQUIRE(eventually([&] { return gate.waiting() == 2; }));
  gate.open();
  const RawAnswer refused = second.read_answer();
  CHECK(refused.status == 503);
  CHECK(refused.says("Retry-After: 1"));
  CHECK(refused.body == "{\"error\":\"overloaded\"}\n");
  CHECK(server.counters().refused_bodies_bytes == 1);

  CHECK(first.read_answer().status == 200);
  CHECK(eventually([&] { return server.counters().body_bytes_current == 0; }));
  RawClient third(server.port());
  third.send(post("/third", std::string(10'000, 'x')));
  CHECK(third.read_answer().status == 200);
}

TEST_CASE("at the bound of requests in flight another one is 503, and its connection goes on") {
  ServerLimits limits;
  limits.requests = 2;
  HeldHandler gate;
  TestServer server(gate.handler(), with(limits));
  RawClient first(server.port()), second(server.port());
  first.send(get("/first"));
  second.send(get("/second"));
  REQUIRE(eventually([&] { return gate.waiting() == 2; }));

  RawClient third(server.port());
  third.send(get("/third"));
  const RawAnswer refused = third.read_answer();
  CHECK(refused.status == 503);
  CHECK(refused.says("Retry-After: 1"));
  CHECK(refused.body == "{\"error\":\"overloaded\"}\n");
  RawClient with_body(server.port());
  with_body.send(post("/fourth", std::string(100'000, 'x')));
  const RawAnswer unread = with_body.read_answer();
  CHECK(unread.status == 503);
  CHECK(unread.says("Connection: close"));
  CHECK(server.counters().refused_requests == 2);
  CHECK(eventually([&] { return server.counters().requests_current == 2; }));

  gate.open();
  CHECK(first.read_answer().body == "/first:");
  CHECK(second.read_answer().body == "/second:");
  third.send(get("/again"));
  CHECK(third.read_answer().body == "/again:");
}

TEST_CASE("at the bound of connections the one that has been idle the longest gives way") {
  ServerLimits limits;
  limits.connections = 3;
  HeldHandler gate;
  gate.open();
  TestServer server(gate.handler(), with(limits));
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(server.port());
    clients.back().send(get("/"));
    CHECK(clients.back().read_answer().status == 200);
  }
  // The first sends another request: now the second has been idle longest.
  clients[0].send(get("/"));
  CHECK(clients[0].read_answer().status == 200);

  RawClient fourth(server.port());
  fourth.send(get("/fourth"));
  CHECK(fourth.read_answer().body == "/fourth:");
  CHECK(clients[1].ends());
  for (const int i : {0, 2}) {
    clients[static_cast<std::size_t>(i)].send(get("/still"));
    CHECK(clients[static_cast<std::size_t>(i)].read_answer().body == "/still:");
  }
  CHECK(server.counters().gave_way == 1);
  CHECK(server.counters().refused_connections == 0);
}

TEST_CASE("a connection that gave way no longer counts towards the bound") {
  ServerLimits limits;
  limits.connections = 1;
  TestServer server(echo, with(limits));
  for (int i = 1; i <= 3; ++i) {
    RawClient displaced(server.port());
    displaced.send(get("/"));
    CHECK(displaced.read_answer().status == 200);
    RawClient client(server.port());
    client.send(get("/"));
    CHECK(client.read_answer().status == 200);
    CHECK(displaced.ends());
    client.end_sending();
    CHECK(client.ends());
    REQUIRE(eventually([&] { return server.counters().connections_current == 0; }));
    CHECK(server.counters().gave_way == static_cast<std::uint64_t>(i));
  }
  CHECK(server.counters().refused_connections == 0);
}

TEST_CASE("a connection that never spoke gives way, too") {
  ServerLimits limits;
  limits.connections = 1;
  TestServer server(echo, with(limits));
  RawClient silent(server.port());
  REQUIRE(eventually([&] { return server.counters().accepted == 1; }));
  RawClient client(server.port());
  client.send(get("/"));
  CHECK(client.read_answer().status == 200);
  CHECK(silent.ends());
}

TEST_CASE("when none is idle at the bound, a new connection's request is answered 503") {
  ServerLimits limits;
  limits.connections = 2;
  HeldHandler gate;
  TestServer server(gate.handler(), with(limits));
  RawClient first(server.port()), second(server.port());
  first.send(get("/first"));
  second.send(get("/second"));
  REQUIRE(eventually([&] { return gate.waiting() == 2; }));

  for (int i = 0; i < 3; ++i) {
    RawClient refused(server.port());
    refused.send(post("/refused", std::string(200'000, 'x')));
    const RawAnswer answer = refused.read_answer();
    CHECK(answer.status == 503);
    CHECK(answer.says("Retry-After: 1"));
    CHECK(answer.says("Connection: close"));
    CHECK(answer.body == "{\"error\":\"overloaded\"}\n");
    refused.end_sending();
    CHECK(refused.ends());
  }
  CHECK(server.counters().refused_connections == 3);

  gate.open();
  CHECK(first.read_answer().body == "/first:");
  CHECK(second.read_answer().body == "/second:");
  RawClient later(server.port());
  later.send(get("/later"));
  CHECK(later.read_answer().body == "/later:");
}

TEST_CASE("far above the bound connections are closed without an answer") {
  ServerLimits limits;
  limits.connections = 1;
  HeldHandler gate;
  TestServer server(gate.handler(), with(limits));
  RawClient busy(server.port());
  busy.send(get("/"));
  REQUIRE(eventually([&] { return gate.waiting() == 1; }));
  std::vector<RawClient> silent;
  for (int i = 0; i < 64; ++i) silent.emplace_back(server.port());
  REQUIRE(eventually([&] { return server.counters().connections_current == 65; }));
  RawClient one_more(server.port());
  CHECK(one_more.ends_or_resets());
  CHECK(server.counters().refused_connections == 1);
  // The silent ones are closed, too.
  CHECK(eventually([&] { return server.counters().connections_current == 1; }));
  gate.open();
  CHECK(busy.read_answer().status == 200);
}

// Not with UBSan, whose check of an object's type needs descriptors.
#if !defined(__SANITIZE_ADDRESS__)
TEST_CASE(
    "without descriptors an idle connection gives way, else the listener waits, not spinning") {
  HeldHandler gate;
  TestServer server(gate.handler());
  RawClient idle(server.port());
  REQUIRE(eventually([&] { return server.counters().connections_current == 1; }));
  RawClient first, second;  // their descriptors are opened before the limit is set

  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int lowest_free = ::dup(first.socket());
  ::close(lowest_free);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(lowest_free);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  first.connect(server.port());
  first.send(get("/first"));
  const bool served = eventually([&] { return gate.waiting() == 1; });
  second.connect(server.port());
  second.send(get("/second"));
  const auto failures = server.counters().accept_failures.load();
  const auto begin = Clock::now();
  const bool tried_on =
      eventually([&] { return server.counters().accept_failures >= failures + 5; });
  const auto took = Clock::now() - begin;
  ::setrlimit(RLIMIT_NOFILE, &before);

  CHECK(served);
  CHECK(idle.ends());
  CHECK(tried_on);
  CHECK(took >= 4 * 50ms);
  gate.open();
  CHECK(first.read_answer().body == "/first:");
  CHECK(second.read_answer().body == "/second:");
}
#endif

TEST_CASE("connections that wait for their peers take no time of the processor") {
  TestServer server(echo);
  RawClient idle(server.port());
  RawClient half(server.port());
  half.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nfirst");
  REQUIRE(eventually([&] { return server.counters().requests_current == 1; }));
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(200ms);
  CHECK(std::clock() - before < CLOCKS_PER_SEC / 20);
}

TEST_CASE("draining lets requests in flight finish and closes everything else") {
  HeldHandler gate;
  TestServer::Options options;
  options.threads = 2;
  TestServer server(gate.handler(), options);
  RawClient silent(server.port());
  RawClient busy(server.port());
  busy.send(get("/busy"));
  REQUIRE(eventually([&] { return gate.waiting() == 1; }));

  auto drained = server.drain(10s);
  CHECK(silent.ends());
  CHECK(eventually([&] {
    try {
      RawClient late(server.port());
      return false;
    } catch (const std::runtime_error&) {
      return true;
    }
  }));
  CHECK(drained.wait_for(0s) == std::future_status::timeout);
  gate.open();
  const RawAnswer answer = busy.read_answer();
  CHECK(answer.body == "/busy:");
  CHECK(answer.says("Connection: close"));
  busy.close();
  CHECK(drained.wait_for(kPatience) == std::future_status::ready);
  CHECK(server.counters().connections_current == 0);
}

TEST_CASE("draining ends at its deadline, when the rest is cut off") {
  HeldHandler gate;
  TestServer server(gate.handler());
  RawClient busy(server.port());
  busy.send(get("/busy"));
  REQUIRE(eventually([&] { return gate.waiting() == 1; }));
  RawClient slow(server.port());
  slow.send("POST /slow HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n");
  REQUIRE(eventually([&] { return server.counters().requests == 2; }));
  auto drained = server.drain(50ms);
  REQUIRE(drained.wait_for(kPatience) == std::future_status::ready);
  CHECK(busy.ends_or_resets());
  CHECK(slow.ends_or_resets());
  gate.open();
  CHECK(eventually([&] { return server.counters().connections_current == 0; }));
}

TEST_CASE(
    "draining under load: every request that was sent is answered or its connection is refused") {
  TestServer::Options options;
  options.threads = 3;
  options.limits.connections =
      6;  // fewer than peers: displacing, rejecting and draining at the same time
  TestServer server(echo, options);
  std::atomic<int> answered{0}, wrong{0};
  std::atomic<bool> ended{false};
  std::vector<std::thread> peers;
  for (int peer = 0; peer < 8; ++peer) {
    peers.emplace_back([&] {
      while (!ended) {
        try {
          RawClient client(server.port());
          for (int i = 0; i < 5; ++i) {
            if (!client.send(post("/x", "body"))) break;
            const RawAnswer answer = client.read_answer();
            if (answer.status == 0) {
              break;  // displaced, or drained before its request was seen
            }
            answered += answer.status == 200 && answer.body == "/x:body" ? 1 : 0;
            wrong += answer.status != 200 && answer.status != 503 ? 1 : 0;
          }
        } catch (const std::runtime_error&) {
          return;
        }
      }
    });
  }
  CHECK(eventually([&] { return answered > 300; }));
  auto drained = server.drain(kPatience);
  CHECK(drained.wait_for(kPatience / 2) == std::future_status::ready);
  ended = true;
  for (auto& peer : peers) peer.join();
  CHECK(wrong == 0);
  CHECK(eventually([&] { return server.counters().connections_current == 0; }));
  CHECK(server.counters().body_bytes_current == 0);
}

}  // namespace receiver::http
