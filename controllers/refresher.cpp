#include "controllers/refresher.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <random>
#include <unordered_map>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "async/kept_alive.h"
#include "async/sleeper.h"
#include "clock/timer.h"

namespace receiver::controllers {
namespace {

namespace asio = boost::asio;
using Time = clock::Steady::time_point;

/// How long after its deadline a caller waits to learn whether its targets were queued at all: it
/// must not report "queued" for targets that may still be rejected.
constexpr std::chrono::seconds kHandOver{1};

/// One waiting refresh(). The refresher's thread writes the atomics and the caller's reads them;
/// only the caller uses the timer.
struct Call {
  enum class State { kHandedOver, kTaken, kRejected, kAbandoned };

  Call(RefreshQueue::DeliveryId i, asio::any_io_executor c, Time d, std::size_t t)
      : id(i), caller(std::move(c)), deadline(d), targets(t), timer(caller) {}

  const RefreshQueue::DeliveryId id;
  const asio::any_io_executor caller;
  const Time deadline;
  const std::size_t targets;
  std::atomic<State> state{State::kHandedOver};
  std::atomic<std::size_t> applied{0};
  std::atomic<std::size_t> refused{0};
  clock::Timer timer;
};

void wake(const std::shared_ptr<Call>& call) {
  asio::post(call->caller, [call] { call->timer.cancel(); });
}

}  // namespace

void log_not_applied(const log::Logger& logger, const Target& target) {
  logger.error("refresh not applied before shutdown",
               {{"resource", resource_of(target.kind).name()}, {"object", target.key.str()}});
}

std::string TokenSource::next(clock::Wall::time_point now) {
  last_ = std::max(now, last_ + clock::Wall::duration(1));
  return clock::format_nanos(last_);
}

class Refresher::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, Patch patch, RefresherOptions options, log::Logger logger,
       Applied applied)
      : executor_(std::move(executor)),
        patch_(std::move(patch)),
        logger_(logger.named("refresher")),
        applied_(std::move(applied)),
        queue_(options, std::random_device{}()),
        retry_timer_(executor_),
        answer_timer_(executor_) {}

  static asio::awaitable<RefreshOutcome> refresh(std::weak_ptr<Impl> refresher,
                                                 std::vector<Target> targets, Time deadline);
  asio::awaitable<std::size_t> drain(async::KeptAlive, Time deadline);

  void server_is_back() {
    queue_.server_is_back();
    pump();
  }
  void answer_by(Time time);
  void stop_soon() {
    asio::post(executor_, [this, alive = shared_from_this()] { stop(); });
  }

  [[nodiscard]] const RefresherCounters& counters() const { return counters_; }
  [[nodiscard]] std::chrono::nanoseconds oldest_age() const {
    return queue_.oldest_age(clock::Steady::now());
  }

 private:
  void add(const std::shared_ptr<Call>& call, const std::vector<Target>& targets);
  void leave(RefreshQueue::DeliveryId delivery);
  void pump();
  void send(const Target& target);
  void finish(const Target& target, const kube::ApiResult<void>& result);
  void count(TargetKind kind, RefreshQueue::Verdict verdict);
  void tell(const RefreshQueue::Finished& finished, bool applied);
  void log(const RefreshQueue::Finished& finished, const Target& target,
           const kube::ApiError& error) const;
  void arm_retry_timer();
  void stop();

  const asio::any_io_executor executor_;
  const Patch patch_;
  const log::Logger logger_;
  const Applied applied_;
  RefresherCounters counters_;
  std::atomic<RefreshQueue::DeliveryId> next_delivery_{0};

  // The following belong to the executor's thread.
  RefreshQueue queue_;
  TokenSource tokens_;
  std::unordered_map<RefreshQueue::DeliveryId, std::shared_ptr<Call>> calls_;
  clock::Timer retry_timer_;
  std::optional<Time> armed_for_;
  clock::Timer answer_timer_;
  Time answer_by_ = Time::max();
  clock::Timer* draining_ = nullptr;
  bool stopped_ = false;
};

asio::awaitable<RefreshOutcome> Refresher::Impl::refresh(std::weak_ptr<Impl> refresher,
                                                         std::vector<Target> targets,
                                                         Time deadline) {
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  RefreshOutcome outcome;
  if (targets.empty()) co_return outcome;

  // The frame of a waiting caller is destroyed with its caller's context, when the refresher may be
  // gone.
  const asio::any_io_executor caller = co_await asio::this_coro::executor;
  std::shared_ptr<Call> call;
  if (const auto self = refresher.lock()) {
    call = std::make_shared<Call>(self->next_delivery_++, caller, deadline, targets.size());
    asio::post(self->executor_,
               [self, call, targets = std::move(targets)] { self->add(call, targets); });
  } else {
    outcome.overloaded = true;
    co_return outcome;
  }

  co_await async::sleep_until(call->timer, deadline);
  if (call->state == Call::State::kHandedOver) {
    co_await async::sleep_until(call->timer, clock::Steady::now() + kHandOver);
  }
  auto state = Call::State::kHandedOver;
  call->state.compare_exchange_strong(state, Call::State::kAbandoned);

  outcome.overloaded = state != Call::State::kTaken;
  if (outcome.overloaded) co_return outcome;
  outcome.applied = call->applied;
  outcome.refused = call->refused;
  outcome.queued = call->targets - outcome.applied - outcome.refused;
  if (outcome.queued == 0) co_return outcome;
  if (const auto self = refresher.lock()) {
    asio::post(self->executor_, [self, id = call->id] { self->leave(id); });
  }
  co_return outcome;
}

void Refresher::Impl::add(const std::shared_ptr<Call>& call, const std::vector<Target>& targets) {
  const bool stopped = stopped_ || queue_.stopped();
  const auto shared = stopped ? std::nullopt : queue_.add(call->id, targets, clock::Steady::now());
  auto state = Call::State::kHandedOver;
  call->state.compare_exchange_strong(state, shared ? Call::State::kTaken : Call::State::kRejected);
  const bool waited_for = shared && state == Call::State::kHandedOver;
  if (waited_for) {
    calls_.emplace(call->id, call);
  } else {
    ++counters_.overloaded;
    queue_.leave(call->id);
  }
  if (!waited_for || clock::Steady::now() >= std::min(call->deadline, answer_by_)) wake(call);
  if (shared) {
    counters_.coalesced += *shared;
    pump();
  }
}

void Refresher::Impl::leave(RefreshQueue::DeliveryId delivery) {
  queue_.leave(delivery);
  calls_.erase(delivery);
}

/// Sends what may be sent. Call after every change of the queue.
void Refresher::Impl::pump() {
  if (stopped_) return;
  const Time now = clock::Steady::now();
  while (const Target* target = queue_.start(now)) send(*target);
  arm_retry_timer();
  counters_.objects_current = static_cast<std::int64_t>(queue_.size());
  counters_.patches_current = static_cast<std::int64_t>(queue_.in_flight());
  if (draining_ && (queue_.size() == 0 || queue_.stopped())) draining_->cancel();
}

void Refresher::Impl::send(const Target& target) {
  asio::co_spawn(executor_, patch_(target, tokens_.next(clock::Wall::now())),
                 [this, alive = shared_from_this(), target](const std::exception_ptr& error,
                                                            const kube::ApiResult<void>& result) {
                   if (error) std::rethrow_exception(error);
                   finish(target, result);
                 });
}

void Refresher::Impl::finish(const Target& target, const kube::ApiResult<void>& result) {
  const auto finished = queue_.finish(target, result, clock::Steady::now());
  count(target.kind, finished.verdict);
  if (applied_ && finished.verdict == RefreshQueue::Verdict::kApplied) {
    applied_(target.kind, finished.waited);
  }
  if (finished.worth_a_line) log(finished, target, result.error());
  tell(finished, finished.verdict != RefreshQueue::Verdict::kRefused);
  pump();
}

void Refresher::Impl::count(TargetKind kind, RefreshQueue::Verdict verdict) {
  PatchCounters& counters =
      kind == TargetKind::kWarehouse ? counters_.warehouses : counters_.promotions;
  switch (verdict) {
    case RefreshQueue::Verdict::kApplied:
      ++counters.applied;
      break;
    case RefreshQueue::Verdict::kGone:
      ++counters.gone;
      break;
    case RefreshQueue::Verdict::kRefused:
      ++counters.refused;
      break;
    case RefreshQueue::Verdict::kRetry:
      ++counters.retried;
      break;
    case RefreshQueue::Verdict::kStopped:
      break;
  }
}

/// Wakes the callers that waited for this PATCH.
void Refresher::Impl::tell(const RefreshQueue::Finished& finished, bool applied) {
  for (const auto& [delivery, complete] : finished.served) {
    const auto found = calls_.find(delivery);
    if (found == calls_.end()) continue;
    ++(applied ? found->second->applied : found->second->refused);
    if (!complete) continue;
    wake(found->second);
    calls_.erase(found);
  }
}

void Refresher::Impl::log(const RefreshQueue::Finished& finished, const Target& target,
                          const kube::ApiError& error) const {
  const std::string object = target.key.str();
  const std::string resource = resource_of(target.kind).name();
  if (finished.verdict == RefreshQueue::Verdict::kRetry) {
    logger_.warn("refresh failed, will be retried", {{"resource", resource},
                                                     {"object", object},
                                                     {"status", error.status},
                                                     {"error", error.message},
                                                     {"retry_in_ms", finished.retry_in.count()}});
  } else if (error.lacks_permission()) {
    logger_.error("refresh rejected: grant this permission to the ServiceAccount",
                  {{"verb", "patch"},
                   {"resource", resource},
                   {"namespace", target.key.ns},
                   {"object", object},
                   {"error", error.message}});
  } else {
    logger_.error("refresh rejected by the API server", {{"resource", resource},
                                                         {"object", object},
                                                         {"status", error.status},
                                                         {"error", error.message}});
  }
}

/// One timer, for the earliest retry. If an earlier one appears, the timer is set again.
void Refresher::Impl::arm_retry_timer() {
  const auto next = queue_.next_retry();
  if (next == armed_for_ || (next && armed_for_ && *armed_for_ < *next)) return;
  armed_for_ = next;
  if (!next) {
    retry_timer_.cancel();
    return;
  }
  retry_timer_.expires_at(*next);
  retry_timer_.async_wait(
      [this, weak = weak_from_this()](const boost::system::error_code& cancelled) {
        const auto alive = weak.lock();
        if (cancelled || !alive) return;
        armed_for_.reset();
        pump();
      });
}

void Refresher::Impl::answer_by(Time time) {
  answer_by_ = time;
  answer_timer_.expires_at(time);
  answer_timer_.async_wait(
      [this, weak = weak_from_this()](const boost::system::error_code& cancelled) {
        const auto alive = weak.lock();
        if (cancelled || !alive) return;
        for (const auto& [delivery, call] : calls_) wake(call);
      });
}

asio::awaitable<std::size_t> Refresher::Impl::drain(async::KeptAlive, Time deadline) {
  co_await asio::post(executor_,
                      asio::use_awaitable);  // after everything that was handed over before
  clock::Timer timer(executor_);
  draining_ = &timer;
  queue_.retry_now();
  pump();
  const auto finished = [this] { return stopped_ || queue_.stopped() || queue_.size() == 0; };
  while (!finished() && clock::Steady::now() < deadline) {
    co_await async::sleep_until(timer, deadline);
  }
  draining_ = nullptr;

  const std::vector<Target> lost = queue_.unfinished();
  for (const Target& target : lost) log_not_applied(logger_, target);
  stop();  // waiting callers are woken while their executors exist
  co_return lost.size();
}

void Refresher::Impl::stop() {
  stopped_ = true;
  retry_timer_.cancel();
  answer_timer_.cancel();
  if (draining_) draining_->cancel();
  for (const auto& [delivery, call] : calls_) wake(call);
  calls_.clear();
}

Refresher::Refresher(boost::asio::any_io_executor executor, Patch patch, RefresherOptions options,
                     log::Logger logger, Applied applied)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(patch), options,
                                   std::move(logger), std::move(applied))) {}

Refresher::~Refresher() {
  impl_->stop_soon();
}

boost::asio::awaitable<RefreshOutcome> Refresher::refresh(std::vector<Target> targets,
                                                          clock::Steady::time_point deadline) {
  return Impl::refresh(impl_, std::move(targets), deadline);
}

void Refresher::server_is_back() {
  impl_->server_is_back();
}

void Refresher::answer_by(clock::Steady::time_point time) {
  impl_->answer_by(time);
}

boost::asio::awaitable<std::size_t> Refresher::drain(clock::Steady::time_point deadline) {
  return impl_->drain(impl_, deadline);
}

const RefresherCounters& Refresher::counters() const {
  return impl_->counters();
}

std::chrono::nanoseconds Refresher::oldest_age() const {
  return impl_->oldest_age();
}

}  // namespace receiver::controllers
