#include "http/client.h"

#include <atomic>
#include <future>
#include <string>
#include <sys/socket.h>
#include <vector>

#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "test/unit/http/client_fixture.h"

namespace receiver::http {
namespace {

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
      std::string(kOkHead) + "Content-Length: 10\r\n\r\nabc",
      std::string(kOkHead) + "Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
      std::string(kOkHead) + "X: ",
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
        peer.send(std::string(kOkHead) + answer);
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

TEST_CASE("closing the client ends everything at once") {
  ScriptedServer server([](Peer& peer) {
    while (const auto request = peer.request()) {
      if (request->find("GET /watch") == 0) {
        peer.send(std::string(kOkHead) + "Transfer-Encoding: chunked\r\n\r\n");
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
    peer.send(std::string(kOkHead) + "Transfer-Encoding: chunked\r\n\r\n");
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
