#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>

#include "async/sleeper.h"
#include "clock/timer.h"

namespace receiver::async {

/// A coroutine that runs while its creator does something else, on the same executor, which runs
/// one handler at a time. It owns its arguments, and finishes even if nobody waits for it.
template <typename T>
class Beside {
 public:
  Beside(const boost::asio::any_io_executor& executor, boost::asio::awaitable<T> work)
      : state_(std::make_shared<State>(executor)) {
    boost::asio::co_spawn(executor, std::move(work),
                          [state = state_](const std::exception_ptr& failure, T value) {
                            state->failure = failure;
                            state->value = std::move(value);
                            state->ended.cancel();
                          });
  }

  /// Waits for its value. Call once.
  boost::asio::awaitable<T> result() { return wait(state_); }

 private:
  struct State {
    explicit State(const boost::asio::any_io_executor& executor) : ended(executor) {}
    clock::Timer ended;
    std::optional<T> value;
    std::exception_ptr failure;
  };

  static boost::asio::awaitable<T> wait(std::shared_ptr<State> state) {
    while (!state->value) co_await sleep_until(state->ended, clock::Steady::time_point::max());
    if (state->failure) std::rethrow_exception(state->failure);
    co_return std::move(*state->value);
  }

  std::shared_ptr<State> state_;
};

}  // namespace receiver::async
