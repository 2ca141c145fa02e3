#include "webhook/inquirer.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "async/kept_alive.h"
#include "async/sleeper.h"
#include "bitbucket_rest/questions.h"
#include "clock/timer.h"
#include "log/end_on_exception.h"
#include "log/log_throttle.h"

namespace receiver::webhook {
namespace {

namespace asio = boost::asio;
using bitbucket::Commit;
using bitbucket_rest::ApiFailure;
using Time = clock::Steady::time_point;

/// How long after the deadline a caller waits for the findings.
constexpr std::chrono::milliseconds kHandOver{100};

static_assert(static_cast<std::size_t>(ApiFailure::kUnknown) + 2 == kQuestionResults.size());

/// One waiting find_out(). The mutex guards `findings`; only the caller uses the timer.
struct Call {
  explicit Call(asio::any_io_executor executor) : caller(std::move(executor)), timer(caller) {}

  const asio::any_io_executor caller;
  std::mutex mutex;
  std::optional<Findings> findings;
  clock::Timer timer;
};

/// A question that is asked or is next, and the coroutines that wait for its answer.
struct Pending {
  async::Sleeper::Queue waiting;
  bool ended = false;
  std::optional<AnswerBook::Answer> answer;  ///< nothing: no answer
  unsigned requests = 0;
};
using PendingPtr = std::shared_ptr<Pending>;

/// The questions of one delivery.
struct Run {
  Run(const asio::any_io_executor& executor, Inquirer::Request r, Time d, std::shared_ptr<Call> c)
      : request(std::move(r)), deadline(d), call(std::move(c)), ended(executor) {}

  const Inquirer::Request request;
  const Time deadline;
  const std::shared_ptr<Call> call;
  Findings findings;
  std::size_t going_on = 0;  ///< refs that are looked into
  bool over = false;         ///< the caller has been told
  clock::Timer ended;
};
using RunPtr = std::shared_ptr<Run>;

/// Nothing is known, and nothing will be.
Findings nothing_known(std::size_t refs) {
  Findings findings;
  findings.default_branch_asked = true;
  findings.refs.assign(refs, {.asked = true, .files = {}});
  return findings;
}

template <typename T>
const T* answer_of(const Pending& asked) {
  return asked.answer ? std::get_if<T>(&*asked.answer) : nullptr;
}

PendingPtr answered(std::optional<AnswerBook::Answer> answer) {
  auto asked = std::make_shared<Pending>();
  asked->ended = true;
  asked->answer = std::move(answer);
  return asked;
}

void end(Pending& asked) {
  asked.ended = true;
  async::Sleeper::wake_all(asked.waiting);
}

AnswerBook::Answer to_answer(std::vector<std::string> paths) {
  return std::make_shared<const std::vector<std::string>>(std::move(paths));
}
AnswerBook::Answer to_answer(std::vector<Commit> steps) {
  return steps;
}
AnswerBook::Answer to_answer(std::string branch) {
  return branch;
}

QuestionKey key_of(const Inquirer::Request& request, std::string commit) {
  const bitbucket_rest::Repository& repository = request.repository;
  return {fmt::format("{} {}", request.access->secret_uid, request.access->secret_version),
          fmt::format("{} {}", repository.server, repository.name()), std::move(commit)};
}

}  // namespace

class Inquirer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, Ask ask, InquirerLimits limits, log::Logger logger,
       Inquirer::Asked asked)
      : executor_(std::move(executor)),
        ask_(std::move(ask)),
        limits_(limits),
        logger_(std::move(logger)),
        asked_(std::move(asked)),
        book_(limits.book) {}

  static asio::awaitable<Findings> find_out(std::weak_ptr<Impl> inquirer,
                                            asio::any_io_executor caller, Request request,
                                            Time deadline);
  void stop();
  [[nodiscard]] const InquirerLimits& limits() const { return limits_; }

  InquirerCounters counters;

 private:
  void begin(const std::shared_ptr<Call>& call, Request request, Time deadline);
  void finish(const RunPtr& run);
  asio::awaitable<void> inquire(async::KeptAlive, RunPtr run);
  asio::awaitable<void> look_into(async::KeptAlive, RunPtr run, std::size_t index,
                                  PendingPtr branch, std::size_t requests);
  asio::awaitable<std::vector<Paths>> files_of(RunPtr run, std::size_t index, std::size_t requests);
  asio::awaitable<void> wait(PendingPtr asked, Time deadline);

  template <typename Question>
  PendingPtr ask(const Request& request, std::string commit, Question question);
  template <typename Question>
  asio::awaitable<void> put(async::KeptAlive, Access access, QuestionKey key, Question question,
                            PendingPtr asked);
  template <typename Question>
  asio::awaitable<void> put_once(Access access, const QuestionKey& key, Question& question,
                                 Pending& asked);
  PendingPtr ask_default_branch(const Request& request);
  asio::awaitable<void> put_default_branch(async::KeptAlive, Access access, QuestionKey key,
                                           bitbucket_rest::Repository repository);
  void note_failure(const QuestionKey& key, const bitbucket_rest::BitbucketError& error);
  [[nodiscard]] bool all_taken() const {
    return being_asked_.size() + default_branches_.size() >= limits_.questions;
  }

  const asio::any_io_executor executor_;
  const Ask ask_;
  const InquirerLimits limits_;
  const log::Logger logger_;
  const Inquirer::Asked asked_;
  log::LogThrottle failures_;

  // From here on the executor's own.
  AnswerBook book_;
  std::map<QuestionKey, PendingPtr> being_asked_;
  /// The one that is asked now, and the one after it, for those that came meanwhile.
  struct DefaultBranch {
    PendingPtr now, next;
  };
  std::map<QuestionKey, DefaultBranch> default_branches_;
  std::set<RunPtr> runs_;
  bool stopped_ = false;
};

asio::awaitable<Findings> Inquirer::Impl::find_out(std::weak_ptr<Impl> inquirer,
                                                   asio::any_io_executor caller, Request request,
                                                   Time deadline) {
  const std::size_t refs = request.push.changes.size();
  const auto call = std::make_shared<Call>(std::move(caller));
  if (const auto self = inquirer.lock()) {
    asio::post(self->executor_, [self, call, request = std::move(request), deadline]() mutable {
      self->begin(call, std::move(request), deadline);
    });
  } else {
    co_return nothing_known(refs);
  }
  co_await async::sleep_until(call->timer, deadline + kHandOver);
  const std::lock_guard lock(call->mutex);
  if (!call->findings) co_return nothing_known(refs);
  co_return std::move(*call->findings);
}

void Inquirer::Impl::begin(const std::shared_ptr<Call>& call, Request request, Time deadline) {
  const auto run = std::make_shared<Run>(executor_, std::move(request), deadline, call);
  run->findings = nothing_known(run->request.push.changes.size());
  if (stopped_ || runs_.size() >= limits_.inquiries) {
    ++counters.not_asked;
    finish(run);
    return;
  }
  runs_.insert(run);
  asio::co_spawn(executor_, inquire(shared_from_this(), run),
                 log::EndOnException{logger_, "the questions of a delivery"});
}

/// Tells the caller what is known by now.
void Inquirer::Impl::finish(const RunPtr& run) {
  if (std::exchange(run->over, true)) return;
  {
    const std::lock_guard lock(run->call->mutex);
    run->call->findings = run->findings;
  }
  asio::post(run->call->caller, [call = run->call] { call->timer.cancel(); });
  runs_.erase(run);
}

asio::awaitable<void> Inquirer::Impl::inquire(async::KeptAlive alive, RunPtr run) {
  const Inquiry& inquiry = run->request.inquiry;
  const auto wanted = [](Inquiry::Files files) { return files != Inquiry::Files::kNo; };
  const auto refs = static_cast<std::size_t>(std::ranges::count_if(inquiry.files, wanted));
  std::size_t requests = limits_.requests_of_delivery;
  PendingPtr branch;
  if (inquiry.default_branch) {
    branch = ask_default_branch(run->request);
    requests -= bitbucket_rest::DefaultBranch::kMaxRequests;
  }
  for (std::size_t index = 0; index < inquiry.files.size(); ++index) {
    if (!wanted(inquiry.files[index])) continue;
    const bool on_condition = inquiry.files[index] == Inquiry::Files::kIfDefaultBranch;
    ++run->going_on;
    asio::co_spawn(executor_,
                   look_into(alive, run, index, on_condition ? branch : nullptr,
                             std::min(limits_.requests_of_ref, requests / refs)),
                   log::EndOnException{logger_, "the questions of a ref"});
  }
  if (branch) {
    co_await wait(branch, run->deadline);
    if (const auto* name = answer_of<std::string>(*branch)) run->findings.default_branch = *name;
  }
  while (run->going_on > 0 && !run->over && clock::Steady::now() < run->deadline) {
    co_await async::sleep_until(run->ended, run->deadline);
  }
  finish(run);
}

asio::awaitable<void> Inquirer::Impl::look_into(async::KeptAlive, RunPtr run, std::size_t index,
                                                PendingPtr branch, std::size_t requests) {
  bool needed = true;
  if (branch) {
    co_await wait(branch, run->deadline);
    const auto* name = answer_of<std::string>(*branch);
    needed = name == nullptr || *name == run->request.push.changes[index].ref;
  }
  if (needed) {
    auto files = co_await files_of(run, index, requests);
    run->findings.refs[index].files = std::move(files);
  }
  if (--run->going_on == 0) run->ended.cancel();
}

/// What the commits of a ref have changed, each by itself; nothing if that is not known of all.
asio::awaitable<std::vector<Paths>> Inquirer::Impl::files_of(RunPtr run, std::size_t index,
                                                             std::size_t requests) {
  using bitbucket_rest::ChangedFiles;
  using bitbucket_rest::FirstParents;
  const Request& request = run->request;
  const bitbucket::RefChange& change = request.push.changes[index];
  auto left = static_cast<unsigned>(requests);
  const std::vector<Paths> unknown;

  auto steps = steps_of(change, request.push.commits);
  if (!steps) {
    if (left < 2) co_return unknown;
    const unsigned most = std::min(left - 1, FirstParents::kMaxRequests);
    FirstParents question(request.repository, change.new_hash, change.old_hash, most);
    const PendingPtr asked =
        ask(request, fmt::format("{}..{}", change.old_hash, change.new_hash), std::move(question));
    co_await wait(asked, run->deadline);
    if (const auto* told = answer_of<AnswerBook::Steps>(*asked)) steps = *told;
    left -= std::min(asked->requests, most);
  }
  if (!steps || steps->empty() || steps->size() > bitbucket::kMaxSteps) co_return unknown;

  std::vector<PendingPtr> of_commits;
  for (const Commit& commit : *steps) {
    // Each of those that follow needs one at least.
    const std::size_t others = steps->size() - of_commits.size() - 1;
    const unsigned most = left <= others ? 0
                                         : std::min<unsigned>(left - static_cast<unsigned>(others),
                                                              ChangedFiles::kMaxRequests);
    ChangedFiles question(request.repository, commit, most);
    of_commits.push_back(
        ask(request, fmt::format("{} {}", commit.first_parent, commit.hash), std::move(question)));
    if (!of_commits.back()->ended) left -= most;
  }
  std::vector<Paths> files;
  for (const PendingPtr& asked : of_commits) {
    co_await wait(asked, run->deadline);
    const auto* paths = answer_of<Paths>(*asked);
    if (paths == nullptr) co_return unknown;
    files.push_back(*paths);
  }
  co_return files;
}

asio::awaitable<void> Inquirer::Impl::wait(PendingPtr asked, Time deadline) {
  if (asked->ended) co_return;
  async::Sleeper sleeper(executor_, asked->waiting);
  co_await sleeper.sleep(deadline);
}

template <typename Question>
PendingPtr Inquirer::Impl::ask(const Request& request, std::string commit, Question question) {
  const QuestionKey key = key_of(request, std::move(commit));
  if (auto known = book_.find(key)) {
    ++counters.from_cache;
    return answered(std::move(known));
  }
  if (const auto same = being_asked_.find(key); same != being_asked_.end()) {
    ++counters.shared;
    return same->second;
  }
  if (stopped_ || all_taken() || question.next() == nullptr ||
      book_.paused(key, clock::Steady::now())) {
    ++counters.not_asked;
    return answered(std::nullopt);
  }
  const auto asked = std::make_shared<Pending>();
  being_asked_.emplace(key, asked);
  asio::co_spawn(executor_,
                 put(shared_from_this(), request.access, key, std::move(question), asked),
                 log::EndOnException{logger_, "a question to Bitbucket"});
  return asked;
}

template <typename Question>
asio::awaitable<void> Inquirer::Impl::put(async::KeptAlive, Access access, QuestionKey key,
                                          Question question, PendingPtr asked) {
  co_await put_once(access, key, question, *asked);
  if (asked->answer) {
    book_.keep(key, *asked->answer);
    counters.cache_bytes = static_cast<std::int64_t>(book_.bytes());
  }
  being_asked_.erase(key);
  end(*asked);
}

template <typename Question>
asio::awaitable<void> Inquirer::Impl::put_once(Access access, const QuestionKey& key,
                                               Question& question, Pending& asked) {
  const Time begin = clock::Steady::now();
  auto asking = ask_(access, question, begin + limits_.time);
  co_await std::move(asking);
  if (asked_) asked_(access->product, clock::Steady::now() - begin);
  asked.requests = question.requests();
  auto& result = question.result();
  std::size_t ended_as = 0;
  if (result) {
    asked.answer = to_answer(std::move(*result));
  } else {
    ended_as = 1 + static_cast<std::size_t>(result.error().kind);
    note_failure(key, result.error());
  }
  const bool cloud = access->product == bitbucket::Source::kCloud;
  ++(cloud ? counters.cloud : counters.data_center).at(ended_as);
}

void Inquirer::Impl::note_failure(const QuestionKey& key,
                                  const bitbucket_rest::BitbucketError& error) {
  book_.failed(key, error, clock::Steady::now());
  if (error.kind == ApiFailure::kUnknown) return;  // as of a large commit: nothing is wrong
  const auto held_back = failures_.admit();
  if (!held_back) return;
  logger_.warn(
      "cannot ask Bitbucket which files a push changes; its Warehouses are refreshed",
      {{"repository", key.repository}, {"error", error.message}, {"suppressed", *held_back}});
}

/// A question that is asked already may be answered by what was so before the delivery arrived.
PendingPtr Inquirer::Impl::ask_default_branch(const Request& request) {
  const QuestionKey key = key_of(request, {});
  if (stopped_ || (all_taken() && !default_branches_.contains(key))) {
    ++counters.not_asked;
    return answered(std::nullopt);
  }
  DefaultBranch& branch = default_branches_[key];
  if (branch.now) {
    if (branch.next) {
      ++counters.shared;
    } else {
      branch.next = std::make_shared<Pending>();
    }
    return branch.next;
  }
  branch.now = std::make_shared<Pending>();
  asio::co_spawn(executor_,
                 put_default_branch(shared_from_this(), request.access, key, request.repository),
                 log::EndOnException{logger_, "a question to Bitbucket"});
  return branch.now;
}

asio::awaitable<void> Inquirer::Impl::put_default_branch(async::KeptAlive, Access access,
                                                         QuestionKey key,
                                                         bitbucket_rest::Repository repository) {
  DefaultBranch& branch = default_branches_.at(key);
  while (branch.now) {
    const PendingPtr asked = branch.now;
    const Time now = clock::Steady::now();
    if (!stopped_ && !book_.paused(key, now) && book_.take_default_branch_question(key, now)) {
      bitbucket_rest::DefaultBranch question(repository);
      co_await put_once(access, key, question, *asked);
    } else {
      ++counters.not_asked;
    }
    branch.now = std::exchange(branch.next, nullptr);
    end(*asked);
  }
  default_branches_.erase(key);
}

void Inquirer::Impl::stop() {
  stopped_ = true;
  for (const RunPtr& run : std::exchange(runs_, {})) finish(run);
}

Inquirer::Inquirer(asio::any_io_executor executor, Ask ask, InquirerLimits limits,
                   log::Logger logger, Asked asked)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(ask), limits, std::move(logger),
                                   std::move(asked))) {}

Inquirer::~Inquirer() = default;

asio::awaitable<Findings> Inquirer::find_out(asio::any_io_executor caller, Request request,
                                             Time deadline) {
  return Impl::find_out(impl_, std::move(caller), std::move(request), deadline);
}

void Inquirer::stop() {
  impl_->stop();
}

const InquirerCounters& Inquirer::counters() const {
  return impl_->counters;
}

const InquirerLimits& Inquirer::limits() const {
  return impl_->limits();
}

}  // namespace receiver::webhook
