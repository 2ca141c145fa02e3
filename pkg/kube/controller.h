#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "kube/object_key.h"
#include "kube/work_queue.h"
#include "log/logger.h"

namespace receiver::kube {

/// What a reconcile requests next.
struct ReconcileResult {
  enum class Outcome { kDone, kRetry };  ///< kRetry: again after the key's backoff
  Outcome outcome = Outcome::kDone;
  /// Reconcile again after this time at the latest. It limits the backoff of kRetry, but not
  /// retry_after.
  std::optional<std::chrono::milliseconds> requeue_after;
  /// With kRetry: reconcile again after this time, which the server requested, unless the key is
  /// added before.
  std::optional<std::chrono::milliseconds> retry_after{};
};

/// One finished reconcile, for the metrics of client-go and controller-runtime.
struct Reconciled {
  std::string_view result;  ///< success, requeue_after, error
  std::chrono::nanoseconds waited;
  std::chrono::nanoseconds worked;
};
using ReconcileObserver = std::function<void(const Reconciled&)>;

/// Runs `reconcile` for the keys of a work queue: at most `workers` at the same time, and never two
/// for one key. A reconcile that throws is logged and retried as if it had returned kRetry. All
/// members and reconciles run on the executor's single thread; a reconcile suspends and must not
/// block. What `reconcile` refers to must outlive run().
class Controller {
 public:
  using Reconcile = std::function<boost::asio::awaitable<ReconcileResult>(ObjectKey key)>;
  Controller(boost::asio::any_io_executor executor, std::string name, int workers,
             Reconcile reconcile, log::Logger logger, ReconcileObserver observer = {});
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  /// May be called before run(). No effect after stop().
  void enqueue(const ObjectKey& key);
  void enqueue_after(const ObjectKey& key, std::chrono::milliseconds delay);

  /// Runs workers until stop() and until the current reconciles have ended. Call once.
  boost::asio::awaitable<void> run();
  void stop();

  /// For metrics: depth, ages, failures.
  [[nodiscard]] const WorkQueue& queue() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::kube
