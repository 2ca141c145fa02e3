#pragma once

#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace receiver::test {

/// Runs the context on the calling thread until the work is done.
template <typename T>
T await(boost::asio::io_context& context, boost::asio::awaitable<T> work) {
  std::optional<T> result;
  boost::asio::co_spawn(context, std::move(work), [&](std::exception_ptr thrown, T value) {
    if (thrown) std::rethrow_exception(thrown);
    result.emplace(std::move(value));
  });
  context.restart();
  while (!result) context.run_one();
  return std::move(*result);
}

}  // namespace receiver::test
