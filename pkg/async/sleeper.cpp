#include "async/sleeper.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace receiver::async {

namespace asio = boost::asio;

asio::awaitable<void> sleep_until(clock::Timer& timer, clock::Steady::time_point time) {
  timer.expires_at(time);
  boost::system::error_code woken;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

asio::awaitable<bool> Sleeper::sleep(TimePoint deadline) {
  if (!woken_) co_await sleep_until(timer_, deadline);
  co_return woken_;
}

}  // namespace receiver::async
