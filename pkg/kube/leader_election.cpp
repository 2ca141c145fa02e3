#include "kube/leader_election.h"

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "async/sleeper.h"
#include "clock/timer.h"
#include "kube/resource.h"

namespace receiver::kube {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using Time = clock::Steady::time_point;

/// Candidates wait up to this factor longer than the retry period, so that they do not retry
/// together.
constexpr double kJitter = 1.2;
/// The same failure is logged again after this time.
constexpr std::chrono::minutes kRepeatLog{1};

const Resource& leases() {
  static const Resource resource{"coordination.k8s.io", "v1", "leases"};
  return resource;
}

/// The error and, where known, what to do about it.
std::string explain(const ApiError& error, std::string_view verb, const ObjectKey& lease) {
  if (error.lacks_permission()) {
    return fmt::format(
        "forbidden: grant get, create and update on leases.coordination.k8s.io in namespace {} to "
        "this account ({}: {})",
        lease.ns, verb, error.message);
  }
  if (error.kind == ApiError::Kind::kNotFound && verb == "create") {
    return fmt::format("namespace {} does not exist: {}", lease.ns, error.message);
  }
  return fmt::format("{}: {}", verb, error.message);
}

}  // namespace

class LeaderElector::Impl {
 public:
  Impl(RestClient& rest, LeaderElectionOptions options, Callbacks callbacks, log::Logger logger)
      : rest_(rest),
        options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        logger_(std::move(logger)),
        candidate_(options_.identity, options_.lease_duration),
        timer_(rest.executor()),
        random_(std::random_device{}()) {}

  asio::awaitable<void> run() {
    logger_.info("waiting to become leader",
                 {{"lease", options_.lease.str()}, {"identity", options_.identity}});
    while (!stopping_) {
      co_await acquire();
      if (!held_ || stopping_) continue;
      if (callbacks_.started) callbacks_.started(acquisition_);
      co_await renew();
      held_ = false;
      written_unheard_ = false;
      if (callbacks_.stopped) callbacks_.stopped();
    }
    held_ = false;
    if (candidate_.named() && !closed_ && !abandoned_) co_await release();
  }

  void stop() {
    stopping_ = true;
    timer_.cancel();
  }

  void abandon() {
    abandoned_ = true;
    stop();
  }

  [[nodiscard]] bool leading() const { return held_ && clock::Steady::now() < renew_by_; }

 private:
  /// Returns when the lease is held, or on stop().
  asio::awaitable<void> acquire() {
    while (!stopping_) {
      co_await claim(Time::max());
      if (held_) {
        logger_.info("leading", {{"lease", options_.lease.str()},
                                 {"identity", options_.identity},
                                 {"lease_was", describe(acquisition_)}});
        co_return;
      }
      const double stretch = std::uniform_real_distribution<double>(1.0, 1.0 + kJitter)(random_);
      const auto wait = std::chrono::duration_cast<milliseconds>(options_.retry_period * stretch);
      co_await sleep_until(clock::Steady::now() + wait);
    }
  }

  /// Returns when the lease is lost, or on stop().
  asio::awaitable<void> renew() {
    Time next = clock::Steady::now() + options_.retry_period;
    while (true) {
      co_await sleep_until(std::min(next, renew_by_));
      if (stopping_) co_return;
      const Time begin = clock::Steady::now();
      if (begin >= renew_by_) {
        logger_.warn("lost leadership: the Lease could not be renewed in time",
                     {{"lease", options_.lease.str()}, {"error", last_failure_}});
        co_return;
      }
      const bool renewed = co_await claim(renew_by_);
      if (!renewed && !candidate_.named()) {
        logger_.warn("lost leadership: the Lease was taken or deleted",
                     {{"lease", options_.lease.str()}, {"holder", candidate_.holder()}});
        co_return;
      }
      next = (renewed ? clock::Steady::now() : begin) + options_.retry_period;
    }
  }

  /// One attempt to win or renew the lease. None of its requests lasts beyond `deadline`.
  asio::awaitable<bool> claim(Time deadline) {
    // The holder knows the last version, unless another client interfered: it need not read first.
    if (held_ && candidate_.valid(clock::Steady::now())) {
      const auto failure = co_await update(deadline);
      if (!failure) co_return true;
      if (*failure != ApiError::Kind::kConflict && *failure != ApiError::Kind::kNotFound) {
        co_return false;
      }
    }
    std::string target = path();
    auto read = co_await rest_.get(std::move(target), time_until(deadline), Lane::kLease);
    if (!read && read.error().kind == ApiError::Kind::kNotFound) {
      candidate_.observe_none();
      co_return co_await create(deadline);
    }
    if (!read) {
      report(read.error(), "get");
      co_return false;
    }
    if (!observe(std::move(*read))) co_return false;
    if (!candidate_.may_claim(clock::Steady::now())) {
      report_holder();
      co_return false;
    }
    const auto failure = co_await update(deadline);
    co_return !failure;
  }

  asio::awaitable<bool> create(Time deadline) {
    const Time sent = clock::Steady::now();
    note_found();
    std::string target = leases().path(options_.lease.ns);
    std::string body = create_body(options_.lease, candidate_.claim(clock::Wall::now()));
    auto answer =
        co_await rest_.post(std::move(target), std::move(body), time_until(deadline), Lane::kLease);
    if (answer) co_return hold(std::move(*answer), sent);
    report(answer.error(), "create");
    co_return false;
  }

  /// Claims the lease that was seen last. Returns the kind of failure, if it failed.
  asio::awaitable<std::optional<ApiError::Kind>> update(Time deadline) {
    const Time sent = clock::Steady::now();
    note_found();
    std::string target = path();
    std::string body = update_body(*lease_, candidate_.claim(clock::Wall::now()));
    auto answer =
        co_await rest_.put(std::move(target), std::move(body), time_until(deadline), Lane::kLease);
    if (answer && hold(std::move(*answer), sent)) co_return std::nullopt;
    if (answer) co_return ApiError::Kind::kMalformed;
    report(answer.error(), "update");
    co_return answer.error().kind;
  }

  /// Records the state of the lease before it is written. If it is ours already, by a write whose
  /// answer was lost, that write has recorded it.
  void note_found() {
    const Acquisition found = candidate_.found();
    if (!held_ && !(found.own && written_unheard_)) acquisition_ = found;
    written_unheard_ = true;
  }

  /// Handles the answer to our write, which was sent at `sent`.
  bool hold(std::string answer, Time sent) {
    if (!observe(std::move(answer))) return false;
    // Others count from when they saw the write, which was not before it was sent. With fast
    // answers this equals client-go's deadline; with slow ones it stays before the lease's end,
    // unlike client-go's.
    renew_by_ =
        sent + std::min(options_.retry_period + options_.renew_deadline, options_.lease_duration);
    held_ = true;
    written_unheard_ = false;
    last_failure_.clear();
    return true;
  }

  bool observe(std::string answer) {
    auto lease = parse_lease(std::move(answer));
    if (!lease) {
      report_failure("cannot read the Lease: " + lease.error());
      return false;
    }
    candidate_.observe(lease->record, clock::Steady::now());
    lease_ = std::move(*lease);
    return true;
  }

  /// Releases the lease that names us, so that others need not wait for it to expire.
  asio::awaitable<void> release() {
    const Time deadline = clock::Steady::now() + options_.renew_deadline / 2;
    for (bool reread = false;; reread = true) {
      std::string target = path();
      std::string body = update_body(*lease_, candidate_.release(clock::Wall::now()));
      const auto written = co_await rest_.put(std::move(target), std::move(body),
                                              time_until(deadline), Lane::kLease);
      if (written) {
        logger_.info("Lease released", {{"lease", options_.lease.str()}});
        co_return;
      }
      report(written.error(), "update");
      if (written.error().kind != ApiError::Kind::kConflict || reread) break;
      // Another client wrote it: perhaps only a label, perhaps it leads now.
      target = path();
      auto read = co_await rest_.get(std::move(target), time_until(deadline), Lane::kLease);
      if (!read || !observe(std::move(*read))) break;
      if (!candidate_.named()) co_return;
    }
    logger_.warn("cannot release the Lease; it will expire", {{"lease", options_.lease.str()}});
  }

  void report(const ApiError& error, std::string_view verb) {
    if (error.kind == ApiError::Kind::kClosed) {
      closed_ = true;
      stopping_ = true;
    } else if (error.kind == ApiError::Kind::kConflict) {
      logger_.debug("another replica wrote the Lease first",
                    {{"lease", options_.lease.str()}, {"verb", verb}});
    } else {
      report_failure(explain(error, verb, options_.lease));
    }
  }

  void report_failure(std::string failure) {
    const Time now = clock::Steady::now();
    if (failure == last_failure_ && now < log_again_) return;
    logger_.warn("leader election failed; it will be retried",
                 {{"lease", options_.lease.str()}, {"error", failure}});
    last_failure_ = std::move(failure);
    log_again_ = now + kRepeatLog;
  }

  void report_holder() {
    last_failure_.clear();
    if (candidate_.holder() == reported_holder_) return;
    reported_holder_ = candidate_.holder();
    logger_.info("another replica leads",
                 {{"lease", options_.lease.str()}, {"holder", reported_holder_}});
  }

  static std::string_view describe(const Acquisition& found) {
    if (!found.existed) return "absent";
    if (found.released) return "free";
    return found.own ? "ours" : "expired";
  }

  [[nodiscard]] std::string path() const { return leases().path(options_.lease); }

  /// Time limit of a request: half the renew deadline, so that there is time for another one if it
  /// hangs.
  [[nodiscard]] milliseconds time_until(Time deadline) const {
    const milliseconds usual = options_.renew_deadline / 2;
    if (deadline == Time::max()) return usual;
    const auto left = std::chrono::floor<milliseconds>(deadline - clock::Steady::now());
    return std::clamp(left, milliseconds(1), usual);
  }

  asio::awaitable<void> sleep_until(Time time) {
    if (!stopping_) co_await async::sleep_until(timer_, time);
  }

  RestClient& rest_;
  LeaderElectionOptions options_;
  Callbacks callbacks_;
  log::Logger logger_;
  Candidate candidate_;
  clock::Timer timer_;
  std::mt19937 random_;
  /// As last read or written. Set whenever candidate_ has observed a lease.
  std::optional<Lease> lease_;
  Acquisition acquisition_;
  bool held_ = false;
  bool written_unheard_ = false;  ///< a write was sent and its answer has not arrived
  Time renew_by_{};
  bool stopping_ = false;
  bool abandoned_ = false;
  bool closed_ = false;
  std::string last_failure_;
  Time log_again_{};
  std::string reported_holder_;
};

LeaderElector::LeaderElector(RestClient& rest, LeaderElectionOptions options, Callbacks callbacks,
                             log::Logger logger)
    : impl_(std::make_unique<Impl>(rest, std::move(options), std::move(callbacks),
                                   std::move(logger))) {}

LeaderElector::~LeaderElector() = default;

asio::awaitable<void> LeaderElector::run() {
  return impl_->run();
}

void LeaderElector::stop() {
  impl_->stop();
}

void LeaderElector::abandon() {
  impl_->abandon();
}

bool LeaderElector::leading() const {
  return impl_->leading();
}

}  // namespace receiver::kube
