#include "async/kept_alive.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

namespace receiver::async {
namespace {

namespace asio = boost::asio;

/// An object's state, visible from outside.
struct Seen {
  int worked = 0;
  bool gone = false;
};

class Worker {
 public:
  explicit Worker(Seen& seen) : seen_(seen) {}
  ~Worker() { seen_.gone = true; }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  asio::awaitable<void> work(KeptAlive) {
    ++seen_.worked;
    co_await asio::post(asio::use_awaitable);
    ++seen_.worked;
  }

 private:
  Seen& seen_;
};

}  // namespace

TEST_CASE("a coroutine keeps the object alive on whose members it works, and no longer") {
  Seen seen;
  asio::io_context io;
  auto worker = std::make_shared<Worker>(seen);
  asio::co_spawn(io, worker->work(worker), asio::detached);
  worker.reset();
  CHECK_FALSE(seen.gone);
  while (seen.worked < 1) io.run_one();
  CHECK_FALSE(seen.gone);
  io.run();
  CHECK(seen.worked == 2);
  CHECK(seen.gone);
}

TEST_CASE("a coroutine that never begins lets go of its object") {
  Seen seen;
  auto worker = std::make_shared<Worker>(seen);
  {
    const asio::awaitable<void> work = worker->work(worker);
    worker.reset();
    CHECK_FALSE(seen.gone);
  }
  CHECK(seen.gone);
  CHECK(seen.worked == 0);
}

}  // namespace receiver::async
