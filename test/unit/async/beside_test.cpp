#include "async/beside.h"

#include <stdexcept>
#include <string>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "test/support/simulated_time.h"

namespace receiver::async {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

asio::awaitable<std::string> told_after(asio::any_io_executor executor,
                                        std::chrono::milliseconds time, std::string text) {
  clock::Timer timer(executor);
  co_await sleep_until(timer, clock::Steady::now() + time);
  if (text.empty()) throw std::runtime_error("nothing to tell");
  co_return text;
}

/// The result of a coroutine that takes `time`, for one that is busy for `busy` meanwhile.
asio::awaitable<std::string> busy_meanwhile(asio::any_io_executor executor,
                                            std::chrono::milliseconds busy,
                                            std::chrono::milliseconds time, std::string text) {
  auto telling = told_after(executor, time, std::move(text));
  Beside<std::string> beside(executor, std::move(telling));
  clock::Timer timer(executor);
  co_await sleep_until(timer, clock::Steady::now() + busy);
  auto result = beside.result();
  co_return co_await std::move(result);
}

struct Ended {
  std::string text;
  std::string error;
  std::chrono::milliseconds took{};
};

Ended run(std::chrono::milliseconds busy, std::chrono::milliseconds time, const std::string& text) {
  test::SimulatedTime simulated;
  asio::io_context io;
  const auto begun = clock::Steady::now();
  std::optional<Ended> ended;
  asio::co_spawn(io, busy_meanwhile(io.get_executor(), busy, time, text),
                 [&](const std::exception_ptr& failure, std::string told) {
                   ended = Ended{std::move(told), "",
                                 std::chrono::duration_cast<std::chrono::milliseconds>(
                                     clock::Steady::now() - begun)};
                   try {
                     if (failure) std::rethrow_exception(failure);
                   } catch (const std::exception& error) {
                     ended->error = error.what();
                   }
                 });
  REQUIRE(simulated.run_until(io, [&] { return ended.has_value(); }));
  return *ended;
}

}  // namespace

TEST_CASE("two coroutines take as long as the longer one, whichever that is") {
  for (const auto& [busy, time] : {std::pair(100ms, 300ms), std::pair(300ms, 100ms)}) {
    const Ended ended = run(busy, time, "done");
    CHECK(ended.text == "done");
    CHECK(ended.took == 300ms);
  }
}

TEST_CASE("what one throws is thrown to whoever waits for it") {
  for (const auto time : {100ms, 300ms}) CHECK(run(200ms, time, "").error == "nothing to tell");
}

}  // namespace receiver::async
