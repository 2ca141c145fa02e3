#include "kube/controller.h"

#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "async/kept_alive.h"
#include "async/sleeper.h"
#include "clock/timer.h"
#include "log/end_on_exception.h"

namespace receiver::kube {

namespace asio = boost::asio;

/// run() hands out keys. Each reconcile is a coroutine of its own that wakes run() when it ends.
/// Only one coroutine waits on the one timer, so no wake-up can be lost.
class Controller::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, std::string name, int workers, Reconcile reconcile,
       log::Logger logger, ReconcileObserver observer)
      : executor_(std::move(executor)),
        wake_(executor_),
        name_(std::move(name)),
        workers_(static_cast<std::size_t>(workers)),
        reconcile_(std::move(reconcile)),
        logger_(std::move(logger)),
        observer_(std::move(observer)) {}

  void enqueue(const ObjectKey& key, std::chrono::milliseconds delay) {
    if (stopping_) return;
    const auto now = clock::Steady::now();
    queue_.add_at(key, now + delay, now);
    wake_.cancel();
  }

  asio::awaitable<void> run(async::KeptAlive) {
    while (!stopping_ || queue_.in_progress() > 0) {
      start_ready();
      co_await async::sleep_until(wake_, next_look());
    }
  }

  void stop() {
    stopping_ = true;
    wake_.cancel();
  }

  [[nodiscard]] const WorkQueue& queue() const { return queue_; }

 private:
  static constexpr clock::Steady::time_point kNever = clock::Steady::time_point::max();

  void start_ready() {
    while (may_start()) {
      std::optional<WorkQueue::Taken> taken = queue_.take(clock::Steady::now());
      if (!taken) return;
      asio::co_spawn(executor_, work(shared_from_this(), std::move(*taken)),
                     log::EndOnException{logger_, "a worker of controller " + name_});
    }
  }

  [[nodiscard]] bool may_start() const { return !stopping_ && queue_.in_progress() < workers_; }

  /// With all workers busy, a key that becomes due changes nothing. Only the end of a reconcile
  /// does, and that wakes run().
  [[nodiscard]] clock::Steady::time_point next_look() const {
    return may_start() ? queue_.next_due().value_or(kNever) : kNever;
  }

  asio::awaitable<void> work(async::KeptAlive, WorkQueue::Taken taken) {
    const ObjectKey& key = taken.key;
    const auto started = clock::Steady::now();
    ReconcileResult result{.outcome = ReconcileResult::Outcome::kRetry, .requeue_after = {}};
    try {
      result = co_await reconcile_(key);
    } catch (const std::exception& failure) {
      logger_.error("reconcile failed with an exception; it will be retried",
                    {{"controller", name_}, {"object", key.str()}, {"error", failure.what()}});
    }
    finish(key, result);
    if (!observer_) co_return;
    observer_({result_name(result), taken.waited, clock::Steady::now() - started});
  }

  static std::string_view result_name(const ReconcileResult& result) {
    if (result.outcome == ReconcileResult::Outcome::kRetry) return "error";
    return result.requeue_after ? "requeue_after" : "success";
  }

  void finish(const ObjectKey& key, const ReconcileResult& result) {
    const auto now = clock::Steady::now();
    if (result.outcome == ReconcileResult::Outcome::kRetry) {
      const auto backoff =
          queue_.retry(key, now, result.requeue_after.value_or(WorkQueue::kLongestRetry),
                       result.retry_after.value_or(std::chrono::milliseconds(0)));
      logger_.debug(
          "reconcile will be retried",
          {{"controller", name_}, {"object", key.str()}, {"retry_in_ms", backoff.count()}});
    } else {
      queue_.forget(key);
      if (result.requeue_after) queue_.add_at(key, now + *result.requeue_after, now);
    }
    queue_.done(key);
    wake_.cancel();
  }

  asio::any_io_executor executor_;
  clock::Timer wake_;
  std::string name_;
  std::size_t workers_;
  Reconcile reconcile_;
  log::Logger logger_;
  ReconcileObserver observer_;
  WorkQueue queue_;
  bool stopping_ = false;
};

Controller::Controller(asio::any_io_executor executor, std::string name, int workers,
                       Reconcile reconcile, log::Logger logger, ReconcileObserver observer)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(name), workers,
                                   std::move(reconcile), std::move(logger), std::move(observer))) {}

Controller::~Controller() {
  impl_->stop();
}

void Controller::enqueue(const ObjectKey& key) {
  impl_->enqueue(key, std::chrono::milliseconds(0));
}

void Controller::enqueue_after(const ObjectKey& key, std::chrono::milliseconds delay) {
  impl_->enqueue(key, delay);
}

asio::awaitable<void> Controller::run() {
  return impl_->run(impl_);
}

void Controller::stop() {
  impl_->stop();
}

const WorkQueue& Controller::queue() const {
  return impl_->queue();
}

}  // namespace receiver::kube
