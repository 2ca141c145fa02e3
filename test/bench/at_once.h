#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include <boost/asio/awaitable.hpp>

#include "test/bench/figures.h"

namespace receiver::bench {

/// One of several workers, by its number.
using Work = std::function<boost::asio::awaitable<void>(std::size_t worker)>;

/// Runs all at once; ends when the last has, with the first error.
boost::asio::awaitable<void> at_once(std::size_t workers, Work work);

/// The same for `count` pieces of work, of which at most `workers` at once.
boost::asio::awaitable<void> share_out(std::size_t count, std::size_t workers, Work work);

struct Load {
  double per_second = 0;
  Samples times;
  std::chrono::nanoseconds slowest{0};  ///< of all, whenever they end
};

/// Closed loop: each worker starts again as soon as it is done. What ends in the first fifth of the
/// window, while the load builds up, does not count; nor does what ends after it.
boost::asio::awaitable<Load> closed_loop(std::size_t workers, std::chrono::milliseconds window,
                                         Work work);

/// Open loop: piece after piece begins when its time has come, whether or not those before are
/// done. Times count from then on, so what has to wait for others shows. Ends when the last has.
boost::asio::awaitable<Samples> fixed_rate(double per_second, std::chrono::milliseconds window,
                                           Work work);

boost::asio::awaitable<std::chrono::nanoseconds> timed(boost::asio::awaitable<void> work);

}  // namespace receiver::bench
