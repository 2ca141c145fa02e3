#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include <boost/asio/awaitable.hpp>

#include "test/bench/figures.h"

namespace receiver::bench {

/// The work of one of several workers, by its number.
using Work = std::function<boost::asio::awaitable<void>(std::size_t worker)>;

/// Runs all workers at the same time; ends with the last, with the first error.
boost::asio::awaitable<void> at_once(std::size_t workers, Work work);

/// The same for `count` pieces of work, with at most `workers` at the same time.
boost::asio::awaitable<void> share_out(std::size_t count, std::size_t workers, Work work);

struct Load {
  double per_second = 0;
  Samples times;
  std::chrono::nanoseconds slowest{0};  ///< of all, including those outside the window
};

/// Closed loop: each worker starts again as soon as it is done. Work that ends in the first fifth
/// of the window, while the load builds up, or after the window does not count.
boost::asio::awaitable<Load> closed_loop(std::size_t workers, std::chrono::milliseconds window,
                                         Work work);

/// Open loop: each piece of work begins at its time, whether or not earlier ones are done. Times
/// count from then, so waiting for others is included. Ends with the last piece.
boost::asio::awaitable<Samples> fixed_rate(double per_second, std::chrono::milliseconds window,
                                           Work work);

boost::asio::awaitable<std::chrono::nanoseconds> timed(boost::asio::awaitable<void> work);

}  // namespace receiver::bench
