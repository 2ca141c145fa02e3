#include "cmd/receiverctl/visits.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "clock/clock.h"
#include "cmd/receiverctl/interruption.h"

namespace receiver::ctl {
namespace {

namespace rest = bitbucket_rest;

constexpr unsigned kAtOnce = 4;
/// The longest wait for a rate limit.
constexpr std::chrono::seconds kRateLimitPatience{300};
/// Interval of the checks for Ctrl-C during a wait.
constexpr std::chrono::milliseconds kLook{50};
/// At most this many names are listed; the table has all.
constexpr std::size_t kNames = 10;

constexpr const char* kInterrupted = "interrupted";
/// Error of a write without an answer.
constexpr const char* kPerhapsDone =
    "interrupted before Bitbucket answered: it may be done; the next run finds out";

using Answered = tl::expected<rest::ApiAnswer, rest::BitbucketError>;

/// The threads of one run, and their shared state.
class Run {
 public:
  Run(Context& context, const rest::Send& send, const std::vector<rest::Repository>& repositories,
      const visits::Visit& visit, const visits::Sleep& sleep)
      : send_(send),
        repositories_(repositories),
        visit_(visit),
        sleep_(sleep),
        progress_(context, repositories.size()) {}

  visits::Outcome run() {
    // The first visit runs alone: a rejected token is sent once, not four times, because failed
    // log-ins lock accounts; and the others can reuse the inherited webhooks that it has read.
    if (!repositories_.empty()) visit_next();
    {
      std::vector<std::jthread> threads;
      while (threads.size() < std::min<std::size_t>(kAtOnce, repositories_.size())) {
        threads.emplace_back([this] {
          while (goes_on()) visit_next();
        });
      }
    }
    if (Interruption::happened()) {
      outcome_.code = ExitCode::kInterrupted;
      outcome_.why_not_tried = kInterrupted;
    } else {
      outcome_.why_not_tried = prospects_.lost();
    }
    for (std::size_t place = next_; place < repositories_.size(); ++place) not_tried_.insert(place);
    progress_.summarise(names(failed_), names(not_tried_), Interruption::happened());
    return outcome_;
  }

 private:
  bool goes_on() {
    const std::lock_guard lock(mutex_);
    return next_ < repositories_.size() && prospects_.lost().empty() && !Interruption::happened();
  }

  void visit_next() {
    std::unique_lock lock(mutex_);
    if (next_ == repositories_.size()) return;
    const std::size_t place = next_++;
    lock.unlock();
    const auto ended =
        visit_(place, [this](rest::Operation& operation) { return drive(operation); });
    lock.lock();
    if (ended.cut_short) {
      not_tried_.insert(place);
      return;
    }
    if (ended.failure) {
      failed_.insert(place);
      const auto code =
          is_bitbuckets_fault(*ended.failure) ? ExitCode::kUnreachable : ExitCode::kNotWell;
      outcome_.code = std::max(outcome_.code, code);
    }
    prospects_.ended(ended.failure);
    progress_.ended(repositories_[place].name(), ended.how);
  }

  /// In the order of the repositories, whichever ended first.
  [[nodiscard]] std::vector<std::string> names(const std::set<std::size_t>& places) const {
    std::vector<std::string> all;
    all.reserve(places.size());
    for (const std::size_t place : places) all.push_back(repositories_[place].name());
    return all;
  }

  /// Operations share the inherited webhooks, so answers are processed one at a time.
  std::optional<std::string> drive(rest::Operation& operation) {
    bool sent = false;  // the last request
    const auto send_one = [&](const rest::ApiRequest& request) -> Answered {
      sent = await_turn();
      if (sent) return send_(request);
      return tl::unexpected(
          rest::BitbucketError{.kind = rest::ApiFailure::kUnknown, .message = kInterrupted});
    };
    const auto wait = [this](rest::Pausing whom, std::chrono::seconds time,
                             const std::string& why) { pause(whom, time, why); };
    const auto send = rest::patient(send_one, wait, kRateLimitPatience);
    while (const rest::ApiRequest* request = operation.next()) {
      auto answer = send(*request);
      if (!answer && Interruption::happened()) {
        return sent && request->method != "GET" ? kPerhapsDone : kInterrupted;
      }
      const std::lock_guard lock(taking_);
      operation.take(std::move(answer));
    }
    return std::nullopt;
  }

  /// A rate limit applies to all requests.
  void pause(rest::Pausing whom, std::chrono::seconds time, const std::string& why) {
    const auto until = clock::Steady::now() + time;
    {
      const std::lock_guard lock(mutex_);
      if (whom == rest::Pausing::kAll && until <= paused_until_) return;
      if (whom == rest::Pausing::kAll) paused_until_ = until;
      progress_.say(fmt::format("{}: waiting {} s", why, time.count()));
    }
    if (whom == rest::Pausing::kAll) return;  // await_turn() waits
    while (!Interruption::happened() && clock::Steady::now() < until) sleep_(kLook);
  }

  /// Waits until requests may be sent; false after Ctrl-C.
  bool await_turn() {
    while (!Interruption::happened() && is_paused()) sleep_(kLook);
    return !Interruption::happened();
  }

  bool is_paused() {
    const std::lock_guard lock(mutex_);
    return clock::Steady::now() < paused_until_;
  }

  const rest::Send& send_;
  const std::vector<rest::Repository>& repositories_;
  const visits::Visit& visit_;
  const visits::Sleep& sleep_;
  Interruption interruption_;
  std::mutex taking_;
  std::mutex mutex_;  ///< of all below
  std::size_t next_ = 0;
  clock::Steady::time_point paused_until_{};
  Prospects prospects_;
  Progress progress_;
  std::set<std::size_t> failed_;     ///< places of repositories
  std::set<std::size_t> not_tried_;  ///< the same
  visits::Outcome outcome_;
};

}  // namespace

std::string few_of(std::vector<std::string> names, std::size_t most) {
  const std::size_t all = names.size();
  names.resize(std::min(all, most));
  return fmt::format("{}{}", fmt::join(names, ", "),
                     all > most ? fmt::format(" and {} more", all - most) : "");
}

bool is_bitbuckets_fault(rest::ApiFailure failure) {
  return failure == rest::ApiFailure::kUnreachable || failure == rest::ApiFailure::kTimeout ||
         failure == rest::ApiFailure::kServer || failure == rest::ApiFailure::kRateLimited;
}

void Prospects::ended(const std::optional<rest::ApiFailure>& failure) {
  if (!failure || !is_bitbuckets_fault(*failure)) in_a_row_ = 0;
  if (!failure || !lost_.empty()) return;
  if (*failure == rest::ApiFailure::kUnauthorized) {
    lost_ = "Bitbucket rejects the token";
  } else if (*failure == rest::ApiFailure::kRateLimited) {
    lost_ = "too many requests";
  } else if (is_bitbuckets_fault(*failure) && ++in_a_row_ == kInARow) {
    lost_ = "Bitbucket does not answer";
  }
}

void Progress::ended(const std::string& repository, const std::string& how) {
  ++done_;
  if (total_ <= kManyRepositories) return;
  if (context_.bar != nullptr) {
    *context_.bar << fmt::format("\r{}/{}", done_, total_) << std::flush;
    on_bar_ = true;
  } else {
    context_.err << fmt::format("{}/{} {}: {}\n", done_, total_, repository, how);
  }
}

void Progress::say(const std::string& line) {
  leave_bar();
  context_.err << line << std::endl;
}

void Progress::summarise(const std::vector<std::string>& failed,
                         const std::vector<std::string>& not_tried, bool interrupted) {
  leave_bar();
  if (interrupted && !not_tried.empty()) {
    say(fmt::format("Interrupted: {} of {} done. Run it again to continue.", done_ - failed.size(),
                    total_));
  }
  if (total_ <= kManyRepositories) return;
  if (!failed.empty()) {
    say(fmt::format("{} of {} failed: {}", failed.size(), total_, few_of(failed, kNames)));
  }
  if (!not_tried.empty()) {
    say(fmt::format("{} of {} were not tried: {}", not_tried.size(), total_,
                    few_of(not_tried, kNames)));
  }
}

void Progress::leave_bar() {
  if (std::exchange(on_bar_, false)) *context_.bar << std::endl;
}

void visits::sleep(std::chrono::milliseconds time) {
  std::this_thread::sleep_for(time);
}

visits::Outcome visits::run(Context& context, const rest::Send& send,
                            const std::vector<rest::Repository>& repositories, const Visit& visit,
                            const Sleep& sleep) {
  return Run(context, send, repositories, visit, sleep).run();
}

}  // namespace receiver::ctl
