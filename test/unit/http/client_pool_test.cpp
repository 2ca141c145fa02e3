#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "http/client.h"
#include "test/unit/http/client_fixture.h"

namespace receiver::http {

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

TEST_CASE("own connections are outside the pool and its bound") {
  ScriptedServer server([](Peer& peer) {
    while (const auto request = peer.request()) {
      if (request->find("GET /watch") != 0) {
        peer.answer();
      } else {
        peer.send(std::string(kOkHead) + "Transfer-Encoding: chunked\r\n\r\n");
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

}  // namespace receiver::http
