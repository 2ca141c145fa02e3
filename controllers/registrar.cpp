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

/// What repositories inherit is asked for again after this.
constexpr std::chrono::minutes kInheritedAge{10};
constexpr std::chrono::hours kIdle{1};
constexpr std::chrono::seconds kAskAgain{2};
static_assert(RegistrationSchedule::kServedUnwatched ==
              SecretBook::kRound + RegistrationSchedule::kServed);

BitbucketError not_wanted() {
  return {.message = "it is not wanted any more"};
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
    std::map<std::string, Inherited> inherited{};   ///< by owner of repositories
    std::map<std::string, std::string> failures{};  ///< by repository
    MissedDeliveries missed{};
  };
  struct Owner {
    api::ReceiverOwner owner;
    DerivedReceivers derived;
    std::map<std::string, Receiver> receivers{};  ///< by their names in the schedule
    DailyNotes notes{};
  };

  [[nodiscard]] bool leading() const {
    return leading_ && !stopped_ && (!options_.leading || options_.leading());
  }
  void look_again(const kube::ObjectKey& key);
  void look_at_changes(Time now);
  void want(Owner& owner, const Reached& reached, Time now);
  void start_visits();
  asio::awaitable<void> visit(async::KeptAlive, RegistrationSchedule::Visit visit);
  [[nodiscard]] bitbucket_rest::Registration registration(const RegistrationSchedule::Visit& visit,
                                                          Receiver& receiver);
  void ended(const RegistrationSchedule::Visit& visit, const Result& result);
  asio::awaitable<void> ask_for_deliveries(async::KeptAlive, RegistrationSchedule::Visit visit);
  void asked(const RegistrationSchedule::Visit& visit, const Newest& newest,
             clock::Wall::time_point now);
  void tell_lasting(Owner& owner);
  /// Null: it is not wanted any more.
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
  Time look_at_{};                           ///< when to look at what those want
  std::size_t visits_ = 0;
};

void Registrar::Impl::derived(const api::ReceiverOwner& owner, const DerivedReceivers& derived) {
  if (!registers(derived)) {
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
  for (const auto& [key, owner] : owners_) {
    if (project.empty() || key.ns.empty() || key.ns == project) look_again(key);
  }
}

void Registrar::Impl::look_again(const kube::ObjectKey& key) {
  if (changed_.empty()) look_at_ = clock::Steady::now() + options_.settle;
  changed_.insert(key);
  timer_.cancel();
}

void Registrar::Impl::set_leading(bool leading) {
  leading_ = leading;
  // What it says when it leads again, another may have said since.
  if (!leading) {
    for (auto& [key, owner] : owners_) {
      owner.notes = {};
      for (auto& [name, receiver] : owner.receivers) receiver.missed = {};
    }
  }
  timer_.cancel();
}

asio::awaitable<void> Registrar::Impl::run(async::KeptAlive) {
  while (!stopped_) {
    const Time now = clock::Steady::now();
    look_at_changes(now);
    start_visits();
    Time until = now + kIdle;
    if (!changed_.empty()) until = std::min(until, look_at_);
    if (!leading()) {
      // If the Lease has run out unnoticed and is renewed after all, nobody tells.
      if (leading_) until = std::min(until, now + kAskAgain);
    } else if (visits_ < options_.visits) {
      until = std::min(until, schedule_.next_due().value_or(until));
    }
    co_await async::sleep_until(timer_, until);
  }
}

void Registrar::Impl::look_at_changes(Time now) {
  if (changed_.empty() || look_at_ > now) return;
  std::set<std::string> projects;
  for (const kube::ObjectKey& key : changed_) projects.insert(key.ns);
  auto reached = reach_(projects);
  for (const kube::ObjectKey& key : std::exchange(changed_, {})) {
    Owner& owner = owners_.at(key);
    want(owner, reached[key.ns], now);
    tell_lasting(owner);
  }
}

void Registrar::Impl::want(Owner& owner, const Reached& reached, Time now) {
  auto all = desired_webhooks(owner.owner, owner.derived, options_.base_url, reached);
  std::map<std::string, Receiver> receivers;
  for (DesiredWebhooks& desired : all) {
    const std::string name = owner.owner.meta.key.str() + '/' + desired.receiver;
    const std::string wish = desired.wish();
    schedule_.want(
        name, wish, desired.wanted.url, desired.repositories, now,
        desired.watched ? RegistrationSchedule::kServed : RegistrationSchedule::kServedUnwatched);
    Receiver receiver;
    const auto before = owner.receivers.find(name);
    if (before != owner.receivers.end()) {
      receiver.missed = std::move(before->second.missed);
      if (before->second.desired->wish() == wish) {
        receiver.inherited = std::move(before->second.inherited);
        receiver.failures = std::move(before->second.failures);
      }
    }
    receiver.missed.keep(desired.repositories);
    receiver.desired = std::make_shared<const DesiredWebhooks>(std::move(desired));
    std::erase_if(receiver.failures, [&](const auto& failure) {
      return std::ranges::none_of(receiver.desired->repositories, [&](const auto& repository) {
        return repository.name() == failure.first;
      });
    });
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
    auto work = next->deliveries_of.empty() ? visit(shared_from_this(), *next)
                                            : ask_for_deliveries(shared_from_this(), *next);
    asio::co_spawn(executor_, std::move(work), log::EndOnException{logger_, "a registration"});
  }
}

Registrar::Impl::Owner* Registrar::Impl::owner_of(const std::string& receiver) {
  const auto found = std::ranges::find_if(
      owners_, [&](const auto& owner) { return owner.second.receivers.contains(receiver); });
  return found == owners_.end() ? nullptr : &found->second;
}

bitbucket_rest::Registration Registrar::Impl::registration(const RegistrationSchedule::Visit& visit,
                                                           Receiver& receiver) {
  bitbucket_rest::Registration registration{.repository = visit.repository,
                                            .wanted = receiver.desired->wanted,
                                            .moves = visit.moves,
                                            .purpose = bitbucket_rest::Purpose::kUpkeep,
                                            .may_write = [this] { return leading(); }};
  const Time now = clock::Steady::now();
  Inherited& inherited = receiver.inherited[visit.repository.owner];
  if (!inherited.webhooks || now - inherited.since > kInheritedAge) {
    inherited = {registration.inherited, now};
  }
  registration.inherited = inherited.webhooks;
  return registration;
}

asio::awaitable<void> Registrar::Impl::visit(async::KeptAlive, RegistrationSchedule::Visit visit) {
  Result result = tl::unexpected(not_wanted());
  if (Owner* owner = owner_of(visit.receiver)) {
    Receiver& receiver = owner->receivers.at(visit.receiver);
    const Access access = receiver.desired->access;
    bitbucket_rest::RegisterWebhook operation(registration(visit, receiver));
    auto asking = ask_(access, operation, clock::Steady::now() + options_.visit_time,
                       RegistrationSchedule::kGap);
    co_await std::move(asking);
    result = std::move(operation.result());
  }
  ended(visit, result);
}

void Registrar::Impl::ended(const RegistrationSchedule::Visit& visit, const Result& result) {
  --visits_;
  auto outcome = outcome_of(result);
  const bool tells = options_.refresh && visit.repository.product == bitbucket::Source::kDataCenter;
  if (tells && outcome.state == State::kRegistered && !result->webhook.inherited) {
    outcome.webhook = result->webhook.id;
  }
  const auto was = schedule_.ended(visit, outcome, clock::Steady::now());
  timer_.cancel();
  Owner* owner = owner_of(visit.receiver);
  if (owner == nullptr || !was || !leading()) return;
  Receiver& receiver = owner->receivers.at(visit.receiver);
  const std::string repository = visit.repository.name();
  if (result) {
    receiver.failures.erase(repository);
    const auto note = visit_note(receiver.desired->receiver, repository, *result, *was);
    if (note) {
      logger_.info("webhook", {{"owner", owner->owner.meta.key.str()}, {"what", note->text}});
      tell_(owner->owner, *note);
    }
  } else {
    logger_.warn("webhook not registered; will be tried again",
                 {{"owner", owner->owner.meta.key.str()},
                  {"receiver", receiver.desired->receiver},
                  {"repository", repository},
                  {"error", result.error().message}});
    receiver.failures[repository] = result.error().message;
  }
  tell_lasting(*owner);
}

asio::awaitable<void> Registrar::Impl::ask_for_deliveries(async::KeptAlive,
                                                          RegistrationSchedule::Visit visit) {
  Newest newest = tl::unexpected(not_wanted());
  bitbucket_rest::LatestFailure operation(visit.repository, visit.deliveries_of);
  if (Owner* owner = owner_of(visit.receiver)) {
    const Access access = owner->receivers.at(visit.receiver).desired->access;
    auto asking = ask_(access, operation, clock::Steady::now() + options_.visit_time,
                       RegistrationSchedule::kDeliveriesGap);
    co_await std::move(asking);
    newest = std::move(operation.result());
  }
  asked(visit, newest, operation.answered_at().value_or(clock::Wall::now()));
}

void Registrar::Impl::asked(const RegistrationSchedule::Visit& visit, const Newest& newest,
                            clock::Wall::time_point now) {
  --visits_;
  const auto error = newest ? std::nullopt : std::optional(newest.error());
  const bool wanted = schedule_.asked(visit, error, clock::Steady::now());
  timer_.cancel();
  Owner* owner = owner_of(visit.receiver);
  if (owner == nullptr || !wanted || !leading()) return;
  Receiver& receiver = owner->receivers.at(visit.receiver);
  const std::string repository = visit.repository.name();
  if (error) {
    logger_.debug("failed deliveries not asked for; will be tried again",
                  {{"owner", owner->owner.meta.key.str()},
                   {"repository", repository},
                   {"error", error->message}});
    return;
  }
  if (!receiver.missed.is_news(repository, *newest, now)) return;
  ++counters.missed;
  const Note note = missed_note(receiver.desired->receiver, repository, (*newest)->words);
  logger_.warn("deliveries missed", {{"owner", owner->owner.meta.key.str()}, {"what", note.text}});
  tell_(owner->owner, note);
  options_.refresh(owner->owner.project(), *receiver.desired->access, visit.repository);
}

void Registrar::Impl::tell_lasting(Owner& owner) {
  if (!leading()) return;
  std::vector<Note> holding;
  for (const auto& [name, receiver] : owner.receivers) {
    for (Note& note : lasting_notes(*receiver.desired, receiver.failures, schedule_.states(name))) {
      holding.push_back(std::move(note));
    }
  }
  for (const Note& note : owner.notes.due(std::move(holding), clock::Steady::now())) {
    tell_(owner.owner, note);
  }
}

std::map<State, std::size_t> Registrar::Impl::states() const {
  std::map<State, std::size_t> sum;
  if (!leading()) return sum;
  for (const auto& [key, owner] : owners_) {
    for (const auto& [name, receiver] : owner.receivers) {
      for (const auto& [state, count] : schedule_.states(name)) sum[state] += count;
    }
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
