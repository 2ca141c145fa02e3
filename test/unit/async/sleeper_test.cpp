#include "async/sleeper.h"

#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

namespace receiver::async {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using TimePoint = Sleeper::TimePoint;

/// Coroutines that have returned, and whether they were woken.
struct Bedroom {
  asio::io_context io;
  Sleeper::Queue queue;
  std::vector<std::pair<int, bool>> up;

  void put_to_bed(int who, TimePoint until) {
    asio::co_spawn(io, night(who, until), asio::detached);
  }

 private:
  asio::awaitable<void> night(int who, TimePoint until) {
    Sleeper sleeper(io.get_executor(), queue);
    const bool woken = co_await sleeper.sleep(until);
    up.emplace_back(who, woken);
  }
};

}  // namespace

TEST_CASE("sleepers lie in the order of their coming, and leave the queue when they get up") {
  Bedroom room;
  room.put_to_bed(1, TimePoint::max());
  room.put_to_bed(2, TimePoint::max());
  room.io.poll();
  REQUIRE(room.queue.size() == 2);
  room.queue.front()->wake();
  CHECK(room.queue.front()->is_woken());
  room.io.poll();
  CHECK(room.up == std::vector{std::pair(1, true)});
  CHECK(room.queue.size() == 1);

  room.put_to_bed(3, TimePoint::max());
  room.io.poll();
  Sleeper::wake_all(room.queue);
  room.io.run();
  CHECK(room.up == std::vector{std::pair(1, true), std::pair(2, true), std::pair(3, true)});
  CHECK(room.queue.empty());
}

TEST_CASE("who is not woken sleeps until its time") {
  Bedroom room;
  const auto until = std::chrono::steady_clock::now() + 20ms;
  room.put_to_bed(1, until);
  room.io.run();
  CHECK(std::chrono::steady_clock::now() >= until);
  CHECK(room.up == std::vector{std::pair(1, false)});
}

TEST_CASE("who is woken before it lies down does not sleep") {
  asio::io_context io;
  Sleeper::Queue queue;
  Sleeper sleeper(io.get_executor(), queue);
  sleeper.wake();
  bool woken = false;
  asio::co_spawn(io, sleeper.sleep(TimePoint::max()),
                 [&](const std::exception_ptr&, bool result) { woken = result; });
  io.run();
  CHECK(woken);
}

}  // namespace receiver::async
