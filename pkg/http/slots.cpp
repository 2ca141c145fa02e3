#include "http/slots.h"

#include <algorithm>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace receiver::http {

namespace asio = boost::asio;

asio::awaitable<bool> Sleeper::sleep(TimePoint deadline) {
  if (!woken_) {
    boost::system::error_code ignored;
    timer_.expires_at(deadline);
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return woken_;
}

asio::awaitable<tl::expected<Slots::Slot, Slots::Refusal>> Slots::take(TimePoint deadline) {
  if (closed_) co_return tl::unexpected(Refusal::kClosed);
  if (taken_ < count_) {
    ++taken_;
    co_return Slot(this);
  }
  if (waiting_.size() >= max_waiting_) co_return tl::unexpected(Refusal::kTooManyWait);
  Sleeper sleeper(executor_, waiting_);
  const bool woken = co_await sleeper.sleep(deadline);
  if (closed_) co_return tl::unexpected(Refusal::kClosed);
  if (!woken) co_return tl::unexpected(Refusal::kTooLate);
  co_return Slot(this);
}

void Slots::free_one() {
  const auto next = std::ranges::find_if(waiting_, [](Sleeper* one) { return !one->is_woken(); });
  if (next != waiting_.end()) {
    (*next)->wake();  // the slot is that one's now
  } else {
    --taken_;
  }
}

void Slots::close() {
  closed_ = true;
  for (Sleeper* sleeper : waiting_) sleeper->wake();
}

}  // namespace receiver::http
