#include "controllers/registration_schedule.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "bitbucket_rest/pages.h"
#include "text/ascii.h"

namespace receiver::controllers {

using bitbucket_rest::ApiFailure;
using bitbucket_rest::BitbucketError;
using bitbucket_rest::Moves;
using bitbucket_rest::Repository;

namespace {

/// In order of urgency.
enum class Errand : std::uint8_t { kMake, kCompare, kAsk };

/// Such a failure says nothing about the repository.
bool is_of_server(ApiFailure failure) {
  return failure == ApiFailure::kUnreachable || failure == ApiFailure::kTimeout ||
         failure == ApiFailure::kServer;
}

/// Such a failure concerns all uses of the token. Repeated failed log-ins lock accounts.
bool is_of_token(ApiFailure failure) {
  return failure == ApiFailure::kUnauthorized || failure == ApiFailure::kRateLimited;
}

/// Without the context path, because the rate limit belongs to the host.
std::string host_of(const Repository& repository) {
  return bitbucket_rest::origin_of(repository.server);
}

/// Both products ignore the case of names.
std::string place_of(const Repository& repository) {
  return repository.server + ' ' + text::ascii_lower(repository.name());
}

}  // namespace

RegistrationSchedule::Entry RegistrationSchedule::entry_of(const Repository& repository, Time due) {
  return {.repository = repository,
          .host = host_of(repository),
          .place = place_of(repository),
          .due = due};
}

std::shared_ptr<RegistrationSchedule::Pause> RegistrationSchedule::pause_of(
    const std::string& credentials) {
  std::weak_ptr<Pause>& known = pauses_[credentials];
  std::shared_ptr<Pause> pause = known.lock();
  if (pause) return pause;
  pause = std::make_shared<Pause>();
  known = pause;
  std::erase_if(pauses_, [](const auto& one) { return one.second.expired(); });
  return pause;
}

void RegistrationSchedule::want(const std::string& name, const Wish& wish,
                                const std::vector<Repository>& repositories, Time now) {
  Receiver& receiver = receivers_[name];
  const bool url_is_new = receiver.wish.url != wish.url;
  const bool wish_is_new = receiver.wish.text != wish.text;
  const bool token_is_new = !receiver.pause || receiver.wish.credentials != wish.credentials;
  if (url_is_new) receiver.served_everywhere = now + wish.served;
  if (token_is_new) receiver.pause = pause_of(wish.credentials);
  receiver.wish = wish;
  std::map<std::string, Entry> entries;
  for (const Repository& repository : repositories) {
    std::string key = repository.name();
    const auto known = receiver.entries.find(key);
    const bool is_known = known != receiver.entries.end() && known->second.repository == repository;
    if (is_known && !wish_is_new) {
      entries.emplace(std::move(key), std::move(known->second));
      continue;
    }
    // An existing webhook must be moved, but only once the URL is served.
    const bool waits = is_known && url_is_new && known->second.state == State::kRegistered;
    Entry entry = entry_of(repository, waits ? receiver.served_everywhere : now);
    if (is_known) {
      entry.seen = known->second.seen;
      entry.may_have_written = known->second.may_have_written;
    }
    entries.emplace(std::move(key), std::move(entry));
  }
  receiver.entries = std::move(entries);
}

void RegistrationSchedule::forget(const std::string& name) {
  const auto found = receivers_.find(name);
  if (found == receivers_.end()) return;
  turns_.erase(found->second.wish.owner);
  receivers_.erase(found);
}

void RegistrationSchedule::begin(Time now) {
  began_ = now;
  for (auto& [name, receiver] : receivers_) {
    for (auto& [repository, entry] : receiver.entries) {
      entry = entry_of(entry.repository, now);
      entry.is_new = false;  // most are right: new wishes go first from now on
    }
  }
}

RegistrationSchedule::Time RegistrationSchedule::due_of(const Entry& entry) {
  return entry.webhook.empty() ? entry.due : std::min(entry.due, entry.deliveries_due);
}

RegistrationSchedule::Time RegistrationSchedule::ready_at(const Receiver& receiver,
                                                          const Entry& entry, Time due) const {
  const auto host = hosts_.find(entry.host);
  const Time free_at = host == hosts_.end() ? Time() : host->second.free_at;
  return std::max({due, receiver.pause->until, free_at});
}

bool RegistrationSchedule::waits_for_a_visit(const Entry& entry) const {
  const auto host = hosts_.find(entry.host);
  return host != hosts_.end() && host->second.visits > 0 &&
         (host->second.visits >= kVisitsOfHost || visited_.contains(entry.place));
}

std::optional<RegistrationSchedule::Visit> RegistrationSchedule::next(Time now) {
  using Rank = std::tuple<Errand, std::uint64_t, Errand, Time>;
  std::optional<Rank> best;
  const std::string* name = nullptr;
  const Receiver* receiver = nullptr;
  const Entry* entry = nullptr;
  for (const auto& [name_here, here] : receivers_) {
    const auto found = turns_.find(here.wish.owner);
    const std::uint64_t turn = found == turns_.end() ? 0 : found->second;
    for (const auto& [repository, one] : here.entries) {
      if (due_of(one) > now || waits_for_a_visit(one)) continue;
      const auto consider = [&](Errand errand, Time due) {
        if (ready_at(here, one, due) > now) return;
        const Rank rank(now - due >= kOverdue ? Errand::kMake : errand, turn, errand, due);
        if (best && *best <= rank) return;
        best = rank;
        name = &name_here;
        receiver = &here;
        entry = &one;
      };
      consider(one.is_new ? Errand::kMake : Errand::kCompare, one.due);
      if (!one.webhook.empty()) consider(Errand::kAsk, one.deliveries_due);
    }
  }
  if (!best) return std::nullopt;
  const bool asks = std::get<2>(*best) == Errand::kAsk;
  turns_[receiver->wish.owner] = ++turn_;
  visited_.insert(entry->place);
  Host& host = hosts_[entry->host];
  ++host.visits;
  host.free_at = now + (asks ? kDeliveriesGap : kGap);
  return Visit{.receiver = *name,
               .wish = receiver->wish.text,
               .repository = entry->repository,
               .moves = now >= receiver->served_everywhere ? Moves::kAll : Moves::kNone,
               .deliveries_of = asks ? entry->webhook : std::string()};
}

std::optional<RegistrationSchedule::Time> RegistrationSchedule::next_due() const {
  std::optional<Time> first;
  for (const auto& [name, receiver] : receivers_) {
    for (const auto& [repository, entry] : receiver.entries) {
      const Time due = due_of(entry);
      if ((first && due >= *first) || waits_for_a_visit(entry)) continue;
      const Time ready = ready_at(receiver, entry, due);
      if (!first || ready < *first) first = ready;
    }
  }
  return first;
}

RegistrationSchedule::Time RegistrationSchedule::take_turn(const Visit& visit, Time now) {
  Host& host = hosts_[host_of(visit.repository)];
  const Time at = std::max(now, host.free_at);
  host.free_at = at + (visit.deliveries_of.empty() ? kGap : kDeliveriesGap);
  return at;
}

bool RegistrationSchedule::may_send(const Visit& visit, Time now) const {
  const Receiver* const receiver = find(visit);
  return receiver != nullptr && receiver->pause->silent_until <= now;
}

std::optional<RegistrationSchedule::State> RegistrationSchedule::ended(const Visit& visit,
                                                                       const Outcome& outcome,
                                                                       Time now) {
  release(visit, now);
  if (!outcome.error || !is_of_server(outcome.error->kind)) host_answered(visit, now);
  Receiver* const receiver = find(visit);
  if (receiver == nullptr) return std::nullopt;
  Entry& entry = receiver->entries.at(visit.repository.name());
  entry.state = outcome.state;
  if (outcome.error) {
    failed(*receiver, entry, outcome, now);
    return entry.seen;
  }
  receiver->pause->refusals = 0;
  entry.failures = 0;
  entry.server_failed = false;
  entry.wakes_from = {};
  if (entry.webhook != outcome.webhook) entry.deliveries_due = now;
  entry.webhook = outcome.webhook;
  entry.is_new = outcome.state == State::kPending;
  const bool unanswered = std::exchange(entry.may_have_written, false);
  const Time settled = began_ ? *began_ + kSecondLook : Time();
  if (entry.is_new) {
    entry.due = std::max(now, receiver->served_everywhere);
  } else if (unanswered) {
    entry.due = now + kSecondLook;
  } else if (now < settled) {
    entry.due = settled;
  } else {
    entry.due = now + std::chrono::duration_cast<Time::duration>(kRound * (1 + random_() / 10));
  }
  return std::exchange(entry.seen, outcome.state);
}

bool RegistrationSchedule::asked(const Visit& visit, const std::optional<BitbucketError>& error,
                                 Time now) {
  release(visit, now);
  if (!error || !is_of_server(error->kind)) host_answered(visit, now);
  Receiver* const receiver = find(visit);
  if (receiver == nullptr) return false;
  Entry& entry = receiver->entries.at(visit.repository.name());
  entry.deliveries_due = now + kDeliveriesRound;
  if (!error) receiver->pause->refusals = 0;
  if (error && is_of_token(error->kind)) pause(*receiver->pause, *error, now);
  // Either the webhook is gone, which the next visit finds out; or this version has no such list,
  // which is tried again in the next round.
  if (error && error->kind == ApiFailure::kNotFound &&
      std::exchange(entry.unknown_webhook, visit.deliveries_of) != visit.deliveries_of) {
    entry.due = std::min(entry.due, now);
  }
  return true;
}

void RegistrationSchedule::dropped(const Visit& visit) {
  // The host keeps its interval, because requests that were not sent may have been counted.
  visited_.erase(place_of(visit.repository));
  --hosts_[host_of(visit.repository)].visits;
}

void RegistrationSchedule::release(const Visit& visit, Time now) {
  dropped(visit);
  std::erase_if(
      hosts_, [&](const auto& one) { return one.second.visits == 0 && one.second.free_at <= now; });
}

const RegistrationSchedule::Receiver* RegistrationSchedule::find(const Visit& visit) const {
  const auto found = receivers_.find(visit.receiver);
  if (found == receivers_.end() || found->second.wish.text != visit.wish) return nullptr;
  const auto entry = found->second.entries.find(visit.repository.name());
  const bool wanted =
      entry != found->second.entries.end() && entry->second.repository == visit.repository;
  return wanted ? &found->second : nullptr;
}

RegistrationSchedule::Receiver* RegistrationSchedule::find(const Visit& visit) {
  const bool wanted = std::as_const(*this).find(visit) != nullptr;
  return wanted ? &receivers_.at(visit.receiver) : nullptr;
}

void RegistrationSchedule::pause(Pause& token, const BitbucketError& error, Time now) {
  const Seconds told = error.retry_after.value_or(pause_after(++token.refusals));
  token.until = now + std::clamp(told, Seconds(1), kLongestPause);
  if (error.kind == ApiFailure::kRateLimited) token.silent_until = token.until;
}

void RegistrationSchedule::failed(Receiver& receiver, Entry& entry, const Outcome& outcome,
                                  Time now) {
  const BitbucketError& error = *outcome.error;
  entry.may_have_written = entry.may_have_written || outcome.may_have_written;
  // A write that may still take effect is not checked at once.
  entry.server_failed = is_of_server(error.kind) && !outcome.may_have_written;
  if (is_of_token(error.kind)) pause(*receiver.pause, error, now);
  if (error.kind == ApiFailure::kRateLimited) {  // it says nothing about the repository
    entry.due = receiver.pause->until;
    return;
  }
  entry.is_new = false;
  const Seconds told = error.retry_after.value_or(Seconds(0));
  entry.due = now + std::clamp(told, pause_after(++entry.failures), kLongestPause);
}

/// Repositories that the host could not answer for need not wait any longer; if they fail again,
/// they wait.
void RegistrationSchedule::host_answered(const Visit& visit, Time now) {
  const std::string host = host_of(visit.repository);
  for (auto& [name, receiver] : receivers_) {
    for (auto& [repository, entry] : receiver.entries) {
      if (!entry.server_failed || entry.wakes_from > now || entry.host != host) continue;
      entry.server_failed = false;
      entry.wakes_from = entry.due;
      entry.due = std::min(entry.due, now);
    }
  }
}

RegistrationSchedule::Seconds RegistrationSchedule::pause_after(unsigned failures) {
  constexpr unsigned kDoublings = 6;  // more would exceed the longest pause
  return std::min(kFirstPause * (1U << std::min(failures - 1, kDoublings)), kLongestPause);
}

std::map<RegistrationSchedule::State, std::size_t> RegistrationSchedule::states(
    const std::string& receiver) const {
  std::map<State, std::size_t> count;
  const auto found = receivers_.find(receiver);
  if (found == receivers_.end()) return count;
  for (const auto& [name, entry] : found->second.entries) ++count[entry.state];
  return count;
}

}  // namespace receiver::controllers
