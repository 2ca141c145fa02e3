#pragma once

#include <cstddef>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "async/sleeper.h"

namespace receiver::async {

/// A bounded number of slots, given out in order of request. For one thread. It must outlive its
/// slots and all who wait for one.
class Slots {
 public:
  using TimePoint = Sleeper::TimePoint;

  /// `count` slots. If `max_waiting` requests wait already, further ones fail at once.
  Slots(boost::asio::any_io_executor executor, std::size_t count, std::size_t max_waiting)
      : executor_(std::move(executor)), count_(count), max_waiting_(max_waiting) {}
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;
  ~Slots() = default;

  /// One slot, or none. The destructor returns it.
  class Slot {
   public:
    Slot() = default;
    Slot(Slot&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
    Slot& operator=(Slot&& other) noexcept {
      std::swap(slots_, other.slots_);
      return *this;
    }
    ~Slot() { give_back(); }
    void give_back() {
      if (Slots* slots = std::exchange(slots_, nullptr)) slots->free_one();
    }
    explicit operator bool() const { return slots_ != nullptr; }

   private:
    friend class Slots;
    explicit Slot(Slots* slots) : slots_(slots) {}
    Slots* slots_ = nullptr;
  };

  enum class Refusal { kTooManyWait, kTooLate, kClosed };
  boost::asio::awaitable<tl::expected<Slot, Refusal>> take(TimePoint deadline);

  /// Fails all waiting and later requests.
  void close();

 private:
  void free_one();

  boost::asio::any_io_executor executor_;
  std::size_t count_;
  std::size_t max_waiting_;
  std::size_t taken_ = 0;
  Sleeper::Queue waiting_;  ///< in order of request
  bool closed_ = false;
};

}  // namespace receiver::async
