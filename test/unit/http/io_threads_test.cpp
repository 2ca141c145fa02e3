#include "http/io_threads.h"

#include <chrono>
#include <functional>
#include <future>
#include <thread>

#include <boost/asio/post.hpp>
#include <catch2/catch.hpp>

#include "test/unit/http/server_fixture.h"

namespace receiver::http {
namespace {

constexpr std::chrono::milliseconds kBeat{20};
constexpr auto kLong = 3 * kBeat;

}  // namespace

TEST_CASE("one thread of several that hangs is seen, and so is its coming back") {
  boost::asio::io_context io;
  IoThreads threads(io, "test", 3, kBeat);
  std::promise<void> let_go;
  boost::asio::post(io, [hangs = let_go.get_future().share()] { hangs.wait(); });
  CHECK(eventually([&] { return threads.longest_absence() > kLong; }));

  // The others still work, and that must not hide it.
  std::promise<void> works;
  boost::asio::post(io, [&works] { works.set_value(); });
  works.get_future().wait();
  CHECK(threads.longest_absence() > kLong);

  let_go.set_value();
  CHECK(eventually([&] { return threads.longest_absence() < kLong; }));
}

TEST_CASE("threads that idle come back, and so do those that always have something to do") {
  const bool busy = GENERATE(false, true);
  CAPTURE(busy);
  boost::asio::io_context io;
  IoThreads threads(io, "test", 2, kBeat);
  const std::function<void()> again = [&] { boost::asio::post(io, again); };
  for (int handlers = busy ? 2 : 0; handlers > 0; --handlers) again();

  int returns = 0;
  std::chrono::nanoseconds before{0};
  CHECK(eventually([&] {
    const auto now = threads.longest_absence();
    if (now < before) ++returns;
    before = now;
    return returns == 3;
  }));
  threads.join();
}

TEST_CASE("joining ends the threads whatever is still to do") {
  boost::asio::io_context io;
  IoThreads threads(io, "test", 2);
  const std::function<void()> forever = [&] { boost::asio::post(io, forever); };
  forever();
  threads.join();
  CHECK(io.stopped());
}

}  // namespace receiver::http
