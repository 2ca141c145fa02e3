#include "cmd/bitbucket-receiver/tasks.h"

#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "async/sleeper.h"

namespace receiver {

namespace asio = boost::asio;

Tasks::Tasks(asio::any_io_executor executor, Failed failed)
    : executor_(std::move(executor)), failed_(std::move(failed)), one_ended_(executor_) {}

void Tasks::spawn(std::string name, asio::awaitable<void> task) {
  ++running_;
  asio::co_spawn(executor_, std::move(task),
                 [this, name = std::move(name)](const std::exception_ptr& failure) {
                   --running_;
                   one_ended_.cancel();
                   if (!failure) return;
                   try {
                     std::rethrow_exception(failure);
                   } catch (const std::exception& error) {
                     failed_(name, error.what());
                   }
                 });
}

asio::awaitable<void> Tasks::ended(clock::Steady::time_point deadline) {
  while (running_ > 0 && clock::Steady::now() < deadline) {
    co_await async::sleep_until(one_ended_, deadline);
  }
}

}  // namespace receiver
