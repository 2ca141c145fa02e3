#include "controllers/registrar.h"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>

#include "async/kept_alive.h"
#include "async/sleeper.h"
#include "bitbucket_rest/latest_failure.h"
#include "bitbucket_rest/registrar.h"
#include "clock/timer.h"
#include "controllers/missed_deliveries.h"
#include "controllers/registration_notes.h"
#include "controllers/secret_book.h"
#include "log/end_on_exception.h"

namespace receiver::controllers {

namespace asio = boost::asio;
using bitbucket_rest::Action;
using bitbucket_rest::BitbucketError;
using bitbucket_rest::InheritedWebhooks;
using bitbucket_rest::Plan;

namespace {

using State = RegistrationSchedule::State;
using Time = clock::Steady::time_point;
using Result = tl::expected<Plan, BitbucketError>;
using Newest = tl::expected<std::optional<bitbucket_rest::FailedDelivery>, BitbucketError>;

/// Inherited webhooks are read again after this time.
constexpr std::chrono::minutes kInheritedAge{10};
constexpr std::chrono::hours kIdle{1};
constexpr std::chrono::seconds kAskAgain{2};
static_assert(RegistrationSchedule::kServedUnwatched ==
              SecretBook::kRound + RegistrationSchedule::kServed);

std::set<std::string> names_of(const std::vector<bitbucket_rest::Repository>& repositories) {
  std::set<std::string> names;
  for (const auto& repository : repositories) names.insert(repository.name());
  return names;
}

RegistrationSchedule::Outcome outcome_of(const Result& result) {
  if (!result) return {.state = State::kFailed, .error = result.error()};
  switch (result->action) {
    case Action::kPostpone:
      return {.state = State::kPending};
    case Action::kSkip:
      return {.state = State::kSkipped};
    default:
      return {.state = State::kRegistered};
  }
}

bool has_written(const Plan& plan) {
  return plan.action == Action::kCreate || plan.action == Action::kUpdate ||
         plan.action == Action::kDelete;
}

}  // namespace

class Registrar::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, Ask ask, Reach reach, Tell tell, RegistrarOptions options,
       log::Logger logger)
      : executor_(std::move(executor)),
        ask_(std::move(ask)),
        reach_(std::move(reach)),
        tell_(std::move(tell)),
        options_(std::move(options)),
        logger_(std::move(logger)),
        timer_(executor_) {}

  void derived(const api::ReceiverOwner& owner, const DerivedReceivers& derived);
  void gone(const kube::ObjectKey& key);
  void changed(const std::string& project);
  void set_leading(bool leading);
  asio::awaitable<void> run(async::KeptAlive);
  void stop() {
    stopped_ = true;
    timer_.cancel();
  }
  [[nodiscard]] std::map<State, std::size_t> states() const;
  RegistrarCounters counters;

 private:
  struct Inherited {
    InheritedWebhooks webhooks;
    Time since;
  };
  struct Receiver {
    std::shared_ptr<const DesiredWebhooks> desired;
    std::map<std::string, Inherited> inherited{};      ///< by owner of repositories
    std::map<std::string, BitbucketError> failures{};  ///< by repository
    /// Repositories whose webhook is left alone, and is the receiver's by its URL alone.
    std::set<std::string> unmarked{};
    MissedDeliveries missed{};
  };
  struct Owner {
    api::ReceiverOwner owner;
    DerivedReceivers derived;
    std::map<std::string, Receiver> receivers{};  ///< by their names in the schedule
    DailyNotes notes{};
    bool pull_requests = false;  ///< their events are, or once were, wanted
  };
  /// A visit and its purpose, which may be outdated when it ends.
  struct Work {
    RegistrationSchedule::Visit visit;
    api::ReceiverOwner owner;
    std::shared_ptr<const DesiredWebhooks> desired;
    bool has_begun = false;
    bool is_dropped = false;
  };
  using WorkPtr = std::shared_ptr<Work>;

  [[nodiscard]] bool leading() const { return leading_ && !stopped_ && options_.leading(); }
  void look_again(const kube::ObjectKey& key);
  void look_at_changes();
  void want(Owner& owner, Reached& reached, Time now);
  void start_visits();
  /// As Registrar::Before says.
  asio::awaitable<std::optional<Time>> before_request(async::KeptAlive, WorkPtr work, bool writes);
  asio::awaitable<void> ask(WorkPtr work, bitbucket_rest::Operation& operation);
  asio::awaitable<void> visit(async::KeptAlive, WorkPtr work);
  [[nodiscard]] bitbucket_rest::Registration registration(const Work& work);
  void ended(const Work& work, const Result& result, bool may_have_written);
  void tell_visit(const Work& work, const Plan& plan, State was);
  /// By the log, too, because an Event may be lost with the Lease.
  void tell(const api::ReceiverOwner& owner, const Note& note);
  asio::awaitable<void> ask_for_deliveries(async::KeptAlive, WorkPtr work);
  void asked(const Work& work, const Newest& newest, clock::Wall::time_point now);
  void tell_lasting(Owner& owner);
  /// Null if it is not wanted any more.
  [[nodiscard]] Owner* owner_of(const std::string& receiver);

  const asio::any_io_executor executor_;
  const Ask ask_;
  const Reach reach_;
  const Tell tell_;
  const RegistrarOptions options_;
  const log::Logger logger_;
  clock::Timer timer_;
  bool leading_ = false;
  bool stopped_ = false;
  std::minstd_rand random_{std::random_device()()};
  RegistrationSchedule schedule_{
      [this] { return std::uniform_real_distribution<double>()(random_); }};
  std::map<kube::ObjectKey, Owner> owners_;  ///< those that register
  std::set<kube::ObjectKey> changed_;        ///< of them
  Time look_at_{};                           ///< when to read what those want
  std::size_t visits_ = 0;
};

void Registrar::Impl::derived(const api::ReceiverOwner& owner, const DerivedReceivers& derived) {
  if (!registers(derived) && derived.cannot_register.empty()) {
    gone(owner.meta.key);
    return;
  }
  Owner& known = owners_[owner.meta.key];
  known.owner = owner;
  known.derived = derived;
  look_again(owner.meta.key);
}

void Registrar::Impl::gone(const kube::ObjectKey& key) {
  const auto found = owners_.find(key);
  if (found == owners_.end()) return;
  for (const auto& [name, receiver] : found->second.receivers) schedule_.forget(name);
  changed_.erase(key);
  owners_.erase(found);
}

void Registrar::Impl::changed(const std::string& project) {
  // Called for each Warehouse, of which there may be a hundred thousand.
  const auto look_at_owners = [this](const std::string& ns) {
    const auto begin = owners_.lower_bound({ns, ""});
    for (auto owner = begin; owner != owners_.end() && owner->first.ns == ns; ++owner) {
      look_again(owner->first);
    }
  };
  if (!project.empty()) {
    look_at_owners("");
    look_at_owners(project);
    return;
  }
  for (const auto& [key, owner] : owners_) look_again(key);
}

void Registrar::Impl::look_again(const kube::ObjectKey& key) {
  if (changed_.empty()) {
    look_at_ = clock::Steady::now() + options_.settle;
    timer_.cancel();
  }
  changed_.insert(key);
}

void Registrar::Impl::set_leading(bool leading) {
  timer_.cancel();
  if (leading == std::exchange(leading_, leading)) return;
  const Time now = clock::Steady::now();
  if (leading) schedule_.begin(now);
  // Another leader may have changed webhooks and written Events since then.
  for (auto& [key, owner] : owners_) {
    owner.notes = {};
    for (auto& [name, receiver] : owner.receivers) {
      receiver.failures.clear();
      receiver.unmarked.clear();
      receiver.inherited.clear();
      receiver.missed = {};
      receiver.missed.keep(names_of(receiver.desired->repositories), now);
    }
  }
}

asio::awaitable<void> Registrar::Impl::run(async::KeptAlive) {
  while (!stopped_) {
    const Time now = clock::Steady::now();
    if (look_at_ <= now) look_at_changes();
    start_visits();
    Time until = now + kIdle;
    if (!changed_.empty()) until = std::min(until, look_at_);
    if (!leading()) {
      // Nobody reports it if the Lease expires unnoticed and is renewed later.
      if (leading_) until = std::min(until, now + kAskAgain);
    } else if (visits_ < options_.visits) {
      until = std::min(until, schedule_.next_due().value_or(until));
    }
    co_await async::sleep_until(timer_, until);
  }
}

void Registrar::Impl::look_at_changes() {
  if (changed_.empty()) return;
  const Time now = clock::Steady::now();
  std::set<std::string> projects;
  for (const kube::ObjectKey& key : changed_) projects.insert(key.ns);
  auto reached = reach_(projects);
  for (const kube::ObjectKey& key : std::exchange(changed_, {})) {
    Owner& owner = owners_.at(key);
    want(owner, reached[key.ns], now);
    tell_lasting(owner);
  }
}

void Registrar::Impl::want(Owner& owner, Reached& reached, Time now) {
  owner.pull_requests = owner.pull_requests || reached.pull_requests;
  reached.pull_requests = owner.pull_requests;
  auto all = desired_webhooks(owner.owner, owner.derived, options_.base_url, reached);
  std::map<std::string, Receiver> receivers;
  for (DesiredWebhooks& desired : all) {
    const std::string name = owner.owner.meta.key.str() + '/' + desired.receiver;
    const std::string wish = desired.wish();
    schedule_.want(name,
                   {.text = wish,
                    .url = desired.wanted.url,
                    .served = desired.watched ? RegistrationSchedule::kServed
                                              : RegistrationSchedule::kServedUnwatched,
                    .credentials = desired.access->digest(),
                    .owner = owner.owner.meta.key.str()},
                   desired.repositories, now);
    Receiver receiver;
    const auto before = owner.receivers.find(name);
    if (before != owner.receivers.end()) {
      receiver.missed = std::move(before->second.missed);
      if (before->second.desired->wish() == wish) {
        receiver.inherited = std::move(before->second.inherited);
        receiver.failures = std::move(before->second.failures);
        receiver.unmarked = std::move(before->second.unmarked);
      }
    }
    const std::set<std::string> names = names_of(desired.repositories);
    receiver.missed.keep(names, now);
    std::erase_if(receiver.failures,
                  [&](const auto& failure) { return !names.contains(failure.first); });
    std::erase_if(receiver.unmarked, [&](const auto& one) { return !names.contains(one); });
    receiver.desired = std::make_shared<const DesiredWebhooks>(std::move(desired));
    receivers.emplace(name, std::move(receiver));
  }
  for (const auto& [name, receiver] : owner.receivers) {
    if (!receivers.contains(name)) schedule_.forget(name);
  }
  owner.receivers = std::move(receivers);
}

void Registrar::Impl::start_visits() {
  while (visits_ < options_.visits && leading()) {
    auto next = schedule_.next(clock::Steady::now());
    if (!next) return;
    ++visits_;
    const Owner& owner = *owner_of(next->receiver);
    const auto& desired = owner.receivers.at(next->receiver).desired;
    const bool asks = !next->deliveries_of.empty();
    auto begun = std::make_shared<Work>(
        Work{.visit = *std::move(next), .owner = owner.owner, .desired = desired});
    auto work = asks ? ask_for_deliveries(shared_from_this(), std::move(begun))
                     : visit(shared_from_this(), std::move(begun));
    asio::co_spawn(executor_, std::move(work), log::EndOnException{logger_, "a registration"});
  }
}

Registrar::Impl::Owner* Registrar::Impl::owner_of(const std::string& receiver) {
  const auto found = std::ranges::find_if(
      owners_, [&](const auto& owner) { return owner.second.receivers.contains(receiver); });
  return found == owners_.end() ? nullptr : &found->second;
}

bitbucket_rest::Registration Registrar::Impl::registration(const Work& work) {
  const RegistrationSchedule::Visit& visit = work.visit;
  bitbucket_rest::Registration registration{.repository = visit.repository,
                                            .wanted = work.desired->wanted,
                                            .moves = visit.moves,
                                            .purpose = bitbucket_rest::Purpose::kUpkeep};
  Owner* const owner = owner_of(visit.receiver);
  if (owner == nullptr) return registration;
  const Time now = clock::Steady::now();
  auto& inherited = owner->receivers.at(visit.receiver).inherited;
  std::erase_if(inherited,
                [&](const auto& known) { return now - known.second.since > kInheritedAge; });
  const auto known =
      inherited.try_emplace(visit.repository.owner, Inherited{registration.inherited, now}).first;
  registration.inherited = known->second.webhooks;
  return registration;
}

asio::awaitable<std::optional<Time>> Registrar::Impl::before_request(async::KeptAlive, WorkPtr work,
                                                                     bool writes) {
  const Time now = clock::Steady::now();
  // The visit includes permission for the first request.
  const bool is_first = !std::exchange(work->has_begun, true);
  const Time at = is_first ? now : schedule_.take_turn(work->visit, now);
  if (at > now) {
    clock::Timer timer(executor_);
    co_await async::sleep_until(timer, at);
  }
  if (writes) look_at_changes();  // they may have come a moment ago
  work->is_dropped = !leading() || !schedule_.may_send(work->visit, clock::Steady::now());
  if (work->is_dropped) co_return std::nullopt;
  co_return clock::Steady::now() + options_.request_time;
}

/// The operation must outlive the call.
asio::awaitable<void> Registrar::Impl::ask(WorkPtr work, bitbucket_rest::Operation& operation) {
  Before before = [self = shared_from_this(), work, &operation] {
    const bool writes = operation.next()->method != "GET";
    return self->before_request(self, work, writes);
  };
  return ask_(work->desired->access, operation, std::move(before));
}

asio::awaitable<void> Registrar::Impl::visit(async::KeptAlive, WorkPtr work) {
  bitbucket_rest::RegisterWebhook operation(registration(*work));
  auto asking = ask(work, operation);
  co_await std::move(asking);
  ended(*work, operation.result(), operation.may_have_written());
}

void Registrar::Impl::ended(const Work& work, const Result& result, bool may_have_written) {
  --visits_;
  timer_.cancel();
  if (work.is_dropped) {
    schedule_.dropped(work.visit);
    return;
  }
  auto outcome = outcome_of(result);
  outcome.may_have_written = may_have_written;
  const bool tells =
      options_.refresh && work.visit.repository.product == bitbucket::Source::kDataCenter;
  if (tells && outcome.state == State::kRegistered && !result->webhook.inherited) {
    outcome.webhook = result->webhook.id;
  }
  const auto was = schedule_.ended(work.visit, outcome, clock::Steady::now());
  const bool counts = was && leading();
  if (result && (counts || has_written(*result))) {
    tell_visit(work, *result, was.value_or(State::kPending));
  }
  Owner* const owner = owner_of(work.visit.receiver);
  if (owner == nullptr || !counts) return;
  Receiver& receiver = owner->receivers.at(work.visit.receiver);
  const std::string repository = work.visit.repository.name();
  if (result) {
    receiver.failures.erase(repository);
    receiver.unmarked.erase(repository);
    if (result->action == Action::kSkip &&
        !bitbucket_rest::is_marked(result->webhook, work.desired->wanted)) {
      receiver.unmarked.insert(repository);
    }
  } else {
    logger_.warn("webhook not registered, will be retried",
                 {{"object", owner->owner.meta.key.str()},
                  {"receiver", work.desired->receiver},
                  {"repository", repository},
                  {"error", result.error().message}});
    receiver.failures[repository] = result.error();
  }
  tell_lasting(*owner);
}

void Registrar::Impl::tell_visit(const Work& work, const Plan& plan, State was) {
  const std::string repository = work.visit.repository.name();
  const auto note = visit_note(work.desired->receiver, repository, plan, was);
  if (note) tell(work.owner, *note);
  for (const std::string& text : plan.notes) {
    logger_.info("webhook of the repository", {{"object", work.owner.meta.key.str()},
                                               {"receiver", work.desired->receiver},
                                               {"repository", repository},
                                               {"note", text}});
  }
}

void Registrar::Impl::tell(const api::ReceiverOwner& owner, const Note& note) {
  const auto level = note.type == kube::EventType::kWarning ? log::Level::kWarn : log::Level::kInfo;
  logger_.write(level, note.reason, {{"object", owner.meta.key.str()}, {"note", note.text}});
  tell_(owner, note);
}

asio::awaitable<void> Registrar::Impl::ask_for_deliveries(async::KeptAlive, WorkPtr work) {
  bitbucket_rest::LatestFailure operation(work->visit.repository, work->visit.deliveries_of);
  auto asking = ask(work, operation);
  co_await std::move(asking);
  asked(*work, operation.result(), operation.answered_at().value_or(clock::Wall::now()));
}

void Registrar::Impl::asked(const Work& work, const Newest& newest, clock::Wall::time_point now) {
  --visits_;
  timer_.cancel();
  if (work.is_dropped) {
    schedule_.dropped(work.visit);
    return;
  }
  const auto error = newest ? std::nullopt : std::optional(newest.error());
  const Time steady_now = clock::Steady::now();
  const bool wanted = schedule_.asked(work.visit, error, steady_now);
  Owner* const owner = owner_of(work.visit.receiver);
  if (owner == nullptr || !wanted || !leading()) return;
  Receiver& receiver = owner->receivers.at(work.visit.receiver);
  const std::string repository = work.visit.repository.name();
  if (error) {
    logger_.debug("cannot read failed deliveries, will be retried",
                  {{"object", owner->owner.meta.key.str()},
                   {"repository", repository},
                   {"error", error->message}});
    return;
  }
  if (!receiver.missed.is_news(repository, *newest, now, steady_now)) return;
  ++counters.missed;
  tell(owner->owner, missed_note(receiver.desired->receiver, repository, (*newest)->words));
  options_.refresh(owner->owner.project(), *receiver.desired->access, work.visit.repository);
}

void Registrar::Impl::tell_lasting(Owner& owner) {
  if (!leading()) return;
  std::vector<Note> holding;
  for (const auto& [name, receiver] : owner.receivers) {
    auto states = schedule_.states(name);
    // Without secret.previous, they would not be the receiver's any more.
    if (!receiver.unmarked.empty()) states.erase(State::kSkipped);
    for (Note& note : lasting_notes(*receiver.desired, receiver.failures, states)) {
      holding.push_back(std::move(note));
    }
  }
  for (const Note& note : owner.notes.due(std::move(holding), clock::Steady::now())) {
    tell(owner.owner, note);
  }
}

std::map<State, std::size_t> Registrar::Impl::states() const {
  std::map<State, std::size_t> sum;
  if (!leading()) return sum;
  for (const auto& [key, owner] : owners_) {
    std::size_t cannot = owner.derived.cannot_register.size();
    for (const auto& [name, receiver] : owner.receivers) {
      for (const auto& [state, count] : schedule_.states(name)) sum[state] += count;
      if (!receiver.desired->problem.empty()) ++cannot;
    }
    if (cannot > 0) sum[State::kFailed] += cannot;
  }
  return sum;
}

Registrar::Registrar(const asio::any_io_executor& executor, Ask ask, Reach reach, Tell tell,
                     RegistrarOptions options, log::Logger logger)
    : impl_(std::make_shared<Impl>(executor, std::move(ask), std::move(reach), std::move(tell),
                                   std::move(options), std::move(logger))) {}

Registrar::~Registrar() {
  impl_->stop();
}

void Registrar::derived(const api::ReceiverOwner& owner, const DerivedReceivers& derived) {
  impl_->derived(owner, derived);
}

void Registrar::gone(const kube::ObjectKey& owner) {
  impl_->gone(owner);
}

void Registrar::changed(const std::string& project) {
  impl_->changed(project);
}

void Registrar::set_leading(bool leading) {
  impl_->set_leading(leading);
}

asio::awaitable<void> Registrar::run() {
  return impl_->run(impl_);
}

void Registrar::stop() {
  impl_->stop();
}

std::map<State, std::size_t> Registrar::states() const {
  return impl_->states();
}

const RegistrarCounters& Registrar::counters() const {
  return impl_->counters;
}

}  // namespace receiver::controllers
