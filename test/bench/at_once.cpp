#include "test/bench/at_once.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "clock/clock.h"

namespace receiver::bench {

namespace asio = boost::asio;
using clock::Steady;

asio::awaitable<void> at_once(std::size_t workers, Work work) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::size_t left = workers;
  std::exception_ptr failure;
  asio::steady_timer all_done(executor, Steady::time_point::max());
  for (std::size_t worker = 0; worker < workers; ++worker) {
    asio::co_spawn(executor, work(worker), [&](const std::exception_ptr& error) {
      if (error && !failure) failure = error;
      if (--left == 0) all_done.cancel();
    });
  }
  while (left > 0) {
    boost::system::error_code woken;
    co_await all_done.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  if (failure) std::rethrow_exception(failure);
}

asio::awaitable<void> share_out(std::size_t count, std::size_t workers, Work work) {
  std::size_t next = 0;
  Work repeat = [&](std::size_t) -> asio::awaitable<void> {
    while (next < count) {
      auto one = work(next++);
      co_await std::move(one);
    }
  };
  co_await at_once(workers, std::move(repeat));
}

asio::awaitable<Load> closed_loop(std::size_t workers, std::chrono::milliseconds window,
                                  Work work) {
  const auto begin = Steady::now();
  const auto counted_from = begin + window / 5;
  const auto end = begin + window;
  Load load;
  Work repeat = [&](std::size_t worker) -> asio::awaitable<void> {
    for (auto started = begin; started < end;) {
      co_await work(worker);
      const auto now = Steady::now();
      if (now >= counted_from && now < end) load.times.add(now - started);
      load.slowest = std::max(load.slowest, std::chrono::nanoseconds(now - started));
      started = now;
    }
  };
  co_await at_once(workers, std::move(repeat));
  load.per_second = static_cast<double>(load.times.size()) /
                    std::chrono::duration<double>(end - counted_from).count();
  co_return load;
}

asio::awaitable<Samples> fixed_rate(double per_second, std::chrono::milliseconds window,
                                    Work work) {
  const auto begin = Steady::now();
  const std::chrono::duration<double> apart(1 / per_second);
  Samples times;
  Work wait_and_do = [&](std::size_t number) -> asio::awaitable<void> {
    const auto due = begin + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                 apart * static_cast<double>(number));
    asio::steady_timer timer(co_await asio::this_coro::executor, due);
    co_await timer.async_wait(asio::use_awaitable);
    co_await work(number);
    times.add(Steady::now() - due);
  };
  const double pieces = std::chrono::duration<double>(window).count() * per_second;
  co_await at_once(static_cast<std::size_t>(pieces), std::move(wait_and_do));
  co_return times;
}

asio::awaitable<std::chrono::nanoseconds> timed(asio::awaitable<void> work) {
  const auto begin = Steady::now();
  co_await std::move(work);
  co_return Steady::now() - begin;
}

}  // namespace receiver::bench
