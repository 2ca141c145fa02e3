#include "async/sleeper.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace receiver::async {

namespace asio = boost::asio;

asio::awaitable<bool> Sleeper::sleep(TimePoint deadline) {
  if (!woken_) {
    boost::system::error_code ignored;
    timer_.expires_at(deadline);
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return woken_;
}

}  // namespace receiver::async
