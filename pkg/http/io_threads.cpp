#include "http/io_threads.h"

#include <algorithm>
#include <pthread.h>

#include <fmt/format.h>

namespace receiver::http {

IoThreads::IoThreads(boost::asio::io_context& io, const char* name, unsigned count,
                     std::chrono::milliseconds beat)
    : io_(io), beat_(beat), work_(io.get_executor()), came_back_(count) {
  for (unsigned index = 0; index < count; ++index) {
    came_back_[index] = clock::Steady::now();
    threads_.emplace_back([this, index] { run(came_back_[index]); });
    ::pthread_setname_np(threads_.back().native_handle(),
                         fmt::format("{}-{}", name, index).c_str());
  }
}

void IoThreads::join() {
  io_.stop();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::chrono::nanoseconds IoThreads::longest_absence() const {
  const auto now = clock::Steady::now();
  std::chrono::nanoseconds longest{0};
  for (const auto& came_back : came_back_) longest = std::max(longest, now - came_back.load());
  return longest;
}

void IoThreads::run(std::atomic<clock::Steady::time_point>& came_back) {
  while (!io_.stopped()) {
    io_.run_one_for(beat_);
    came_back.store(clock::Steady::now(), std::memory_order_relaxed);
  }
}

}  // namespace receiver::http
