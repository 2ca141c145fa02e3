#include "kube/events.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "async/sleeper.h"
#include "clock/clock.h"
#include "clock/timer.h"
#include "kube/resource.h"

namespace receiver::kube {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using Time = clock::Steady::time_point;
using Method = EventSeries::Write::Method;
using Result = EventSeries::Result;

constexpr milliseconds kTimeout{10'000};
/// Number of attempts of a write with a transient failure, after 1 s, 2 s, 4 s, 8 s.
constexpr int kAttempts = 5;
constexpr milliseconds kFirstRetry{1'000};
constexpr milliseconds kLongestRetry{30'000};
/// How often to ask again whether this replica may write.
constexpr milliseconds kLookAgain{2'000};
/// Dropped Events are logged at most this often.
constexpr std::chrono::minutes kLogAgainAfter{1};

const Resource& events() {
  static const Resource resource{"events.k8s.io", "v1", "events"};
  return resource;
}

std::string explain(const ApiError& error, const EventSeries::Write& write) {
  if (error.lacks_permission()) {
    return fmt::format(
        "forbidden: grant create and patch on events.events.k8s.io in namespace {} to this account "
        "({})",
        write.ns, error.message);
  }
  if (error.kind == ApiError::Kind::kNotFound) {
    return fmt::format("namespace {} does not exist: {}", write.ns, error.message);
  }
  return error.message;
}

}  // namespace

class EventRecorder::Impl {
 public:
  Impl(RestClient& rest, EventRecorderOptions options, log::Logger logger)
      : rest_(rest),
        spacing_(std::chrono::duration_cast<Time::duration>(
            std::chrono::duration<double>(1.0 / options.per_second))),
        may_write_(std::move(options.may_write)),
        logger_(std::move(logger)),
        series_({.controller = std::move(options.controller),
                 .instance = std::move(options.instance),
                 .default_namespace = std::move(options.default_namespace),
                 .queue = options.queue}),
        timer_(rest.executor()) {}

  void emit(Occurrence occurrence) {
    if (stopping_) return;
    if (!series_.observe(std::move(occurrence), clock::Wall::now(), clock::Steady::now())) {
      drop("too many Events are waiting");
    }
    if (!sending_) timer_.cancel();
  }

  asio::awaitable<void> run() {
    while (!stopping_) {
      series_.advance(clock::Steady::now());
      const Time next = series_.waiting() ? next_send_ : series_.next_due().value_or(Time::max());
      if (!series_.waiting() || clock::Steady::now() < next) {
        co_await sleep_until(next);
        continue;
      }
      if (!may_write()) {
        next_send_ = clock::Steady::now() + kLookAgain;
        continue;
      }
      next_send_ = clock::Steady::now() + spacing_;
      auto write = series_.next();
      sending_ = true;
      abandon_ = false;
      const Result result = co_await send(std::move(*write));
      sending_ = false;
      series_.settle(result, clock::Steady::now());
    }
  }

  void clear() {
    series_.clear();
    abandon_ = sending_;
    timer_.cancel();
  }

  void stop() {
    stopping_ = true;
    timer_.cancel();
  }

  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  asio::awaitable<Result> send(EventSeries::Write write) {
    milliseconds backoff = kFirstRetry;
    for (int attempt = 1;; ++attempt) {
      const auto error = co_await send_once(write);
      if (!error) co_return Result::kDone;
      if (abandon_) co_return Result::kFailed;
      if (error->kind == ApiError::Kind::kNotFound && write.method == Method::kPatch) {
        co_return Result::kGone;
      }
      if (error->kind == ApiError::Kind::kClosed) stopping_ = true;
      if (stopping_ || !error->transient() || attempt == kAttempts) {
        drop(explain(*error, write));
        co_return Result::kFailed;
      }
      const milliseconds wait = std::min(error->retry_after.value_or(backoff), kLongestRetry);
      backoff *= 2;
      co_await sleep_until(clock::Steady::now() + wait);
      while (!stopping_ && !abandon_ && !may_write()) {
        co_await sleep_until(clock::Steady::now() + kLookAgain);
      }
      if (stopping_ || abandon_) co_return Result::kFailed;
    }
  }

  /// By value: the caller's frame may end during the request.
  asio::awaitable<std::optional<ApiError>> send_once(EventSeries::Write write) {
    if (write.method == Method::kCreate) {
      std::string target = events().path(write.ns);
      const auto answer =
          co_await rest_.post(std::move(target), std::move(write.body), kTimeout, Lane::kEvents);
      // The name is unique to this process, so an existing Event is from an attempt whose answer
      // was lost.
      if (answer || answer.error().kind == ApiError::Kind::kConflict) co_return std::nullopt;
      co_return answer.error();
    }
    std::string target = events().path(ObjectKey{write.ns, write.name});
    const auto answer = co_await rest_.merge_patch(std::move(target), std::move(write.body),
                                                   kTimeout, Lane::kEvents);
    if (answer) co_return std::nullopt;
    co_return answer.error();
  }

  [[nodiscard]] bool may_write() const { return !may_write_ || may_write_(); }

  void drop(std::string_view why) {
    ++dropped_;
    const Time now = clock::Steady::now();
    if (now < log_again_) return;
    log_again_ = now + kLogAgainAfter;
    logger_.warn("Event dropped", {{"error", why}, {"dropped_so_far", dropped_}});
  }

  asio::awaitable<void> sleep_until(Time time) {
    if (!stopping_) co_await async::sleep_until(timer_, time);
  }

  RestClient& rest_;
  Time::duration spacing_;  ///< between writes: never more than `per_second` in any second
  std::function<bool()> may_write_;
  log::Logger logger_;
  EventSeries series_;
  clock::Timer timer_;
  Time next_send_ = Time::min();
  bool sending_ = false;  ///< the timer belongs to a retry, which a new Event must not cut short
  bool abandon_ = false;  ///< the write in progress is not retried
  bool stopping_ = false;
  std::uint64_t dropped_ = 0;
  Time log_again_ = Time::min();
};

EventRecorder::EventRecorder(RestClient& rest, EventRecorderOptions options, log::Logger logger)
    : impl_(std::make_unique<Impl>(rest, std::move(options), std::move(logger))) {}

EventRecorder::~EventRecorder() = default;

void EventRecorder::emit(const ObjectReference& regarding, EventType type, std::string reason,
                         std::string action, std::string note) {
  impl_->emit({.regarding = regarding,
               .type = type,
               .reason = std::move(reason),
               .action = std::move(action),
               .note = std::move(note)});
}

void EventRecorder::clear() {
  impl_->clear();
}

asio::awaitable<void> EventRecorder::run() {
  return impl_->run();
}

void EventRecorder::stop() {
  impl_->stop();
}

std::uint64_t EventRecorder::dropped() const {
  return impl_->dropped();
}

}  // namespace receiver::kube
