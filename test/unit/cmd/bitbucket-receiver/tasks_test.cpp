#include "cmd/bitbucket-receiver/tasks.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

namespace receiver {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

struct TasksFixture {
  asio::io_context io;
  std::vector<std::string> failures;
  asio::steady_timer signal{io, clock::Steady::time_point::max()};
  bool ended = false;
  Tasks tasks{io.get_executor(), [this](const std::string& name, const std::string& error) {
                failures.push_back(name + ": " + error);
              }};

  asio::awaitable<void> until_signal() {
    boost::system::error_code woken;
    co_await signal.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  static asio::awaitable<void> that_fails() {
    throw std::runtime_error("broken");
    co_return;
  }
  void await_end(clock::Steady::duration at_most) {
    asio::co_spawn(io, tasks.ended(clock::Steady::now() + at_most),
                   [this](const std::exception_ptr&) { ended = true; });
    io.poll();
  }
};

}  // namespace

TEST_CASE_METHOD(TasksFixture, "the end waits for every task, and not for its deadline then") {
  tasks.spawn("first", until_signal());
  tasks.spawn("second", until_signal());
  await_end(1h);
  CHECK_FALSE(ended);
  signal.cancel_one();
  io.poll();
  CHECK_FALSE(ended);
  signal.cancel_one();
  io.poll();
  CHECK(ended);
  CHECK(failures.empty());
}

TEST_CASE_METHOD(TasksFixture, "the end waits for no task beyond its deadline") {
  tasks.spawn("stuck", until_signal());
  await_end(0ms);
  CHECK(ended);
}

TEST_CASE_METHOD(TasksFixture, "a task that an exception ends is told by its name, and has ended") {
  tasks.spawn("part", that_fails());
  await_end(1h);
  CHECK(ended);
  CHECK(failures == std::vector<std::string>{"part: broken"});
}

}  // namespace receiver
