#include "async/slots.h"

#include <algorithm>
#include <utility>

namespace receiver::async {

namespace asio = boost::asio;

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
    (*next)->wake();  // the slot now belongs to the woken coroutine
  } else {
    --taken_;
  }
}

void Slots::close() {
  closed_ = true;
  Sleeper::wake_all(waiting_);
}

}  // namespace receiver::async
