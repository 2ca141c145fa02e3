#include "controllers/registration_schedule.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace receiver::controllers {

using bitbucket_rest::ApiFailure;
using bitbucket_rest::BitbucketError;
using bitbucket_rest::Moves;
using bitbucket_rest::Repository;

namespace {

/// It says nothing about the repository.
bool is_of_server(ApiFailure failure) {
  return failure == ApiFailure::kUnreachable || failure == ApiFailure::kTimeout ||
         failure == ApiFailure::kServer;
}

/// It concerns all that the token is used for. One failed log-in after another locks accounts.
bool is_of_token(ApiFailure failure) {
  return failure == ApiFailure::kUnauthorized || failure == ApiFailure::kRateLimited;
}

}  // namespace

void RegistrationSchedule::want(const std::string& name, const std::string& wish,
                                const std::string& url, const std::vector<Repository>& repositories,
                                Time now, Seconds served) {
  Receiver& receiver = receivers_[name];
  const bool url_is_new = receiver.url != url;
  const bool wish_is_new = receiver.wish != wish;
  if (url_is_new) receiver.served_everywhere = now + served;
  if (wish_is_new) {  // it may be by another token
    receiver.paused_until = {};
    receiver.refusals = 0;
  }
  receiver.url = url;
  receiver.wish = wish;
  std::map<std::string, Entry> entries;
  for (const Repository& repository : repositories) {
    const auto known = receiver.entries.find(repository.name());
    const bool is_known = known != receiver.entries.end() && known->second.repository == repository;
    Entry entry = is_known ? known->second : Entry{.repository = repository, .due = now};
    if (is_known && wish_is_new) {
      // A webhook that was there is to be moved, and that is not before the URL is served.
      const bool waits = url_is_new && entry.state == State::kRegistered;
      entry = {.repository = repository, .due = waits ? receiver.served_everywhere : now};
    }
    entries.emplace(repository.name(), std::move(entry));
  }
  receiver.entries = std::move(entries);
}

RegistrationSchedule::Time RegistrationSchedule::ready_at(const Receiver& receiver,
                                                          const Entry& entry, Time due) const {
  const auto server = servers_.find(entry.repository.server);
  const Time free_at = server == servers_.end() ? Time() : server->second.free_at;
  return std::max({due, receiver.paused_until, free_at});
}

bool RegistrationSchedule::busy(const Entry& entry) const {
  const auto server = servers_.find(entry.repository.server);
  return server != servers_.end() && server->second.busy;
}

std::optional<RegistrationSchedule::Visit> RegistrationSchedule::next(Time now) {
  enum class Errand : std::uint8_t { kMake, kCompare, kAsk };
  using Rank = std::tuple<Errand, std::uint64_t, Time>;
  std::optional<Rank> best;
  Visit visit;
  for (const auto& [name, receiver] : receivers_) {
    for (const auto& [repository, entry] : receiver.entries) {
      if (busy(entry)) continue;
      const auto consider = [&](Errand errand, Time due, const std::string& webhook) {
        const Rank rank(errand, receiver.turn, due);
        if (ready_at(receiver, entry, due) > now || (best && *best <= rank)) return;
        best = rank;
        visit = {.receiver = name,
                 .wish = receiver.wish,
                 .repository = entry.repository,
                 .deliveries_of = webhook};
      };
      consider(entry.is_new ? Errand::kMake : Errand::kCompare, entry.due, "");
      if (!entry.webhook.empty()) consider(Errand::kAsk, entry.deliveries_due, entry.webhook);
    }
  }
  if (!best) return std::nullopt;
  Receiver& receiver = receivers_[visit.receiver];
  receiver.turn = ++turn_;
  visit.moves = now >= receiver.served_everywhere ? Moves::kAll : Moves::kNone;
  servers_[visit.repository.server].busy = true;
  return visit;
}

std::optional<RegistrationSchedule::Time> RegistrationSchedule::next_due() const {
  std::optional<Time> first;
  for (const auto& [name, receiver] : receivers_) {
    for (const auto& [repository, entry] : receiver.entries) {
      if (busy(entry)) continue;
      Time due = entry.due;
      if (!entry.webhook.empty()) due = std::min(due, entry.deliveries_due);
      const Time ready = ready_at(receiver, entry, due);
      if (!first || ready < *first) first = ready;
    }
  }
  return first;
}

std::optional<RegistrationSchedule::State> RegistrationSchedule::ended(const Visit& visit,
                                                                       const Outcome& outcome,
                                                                       Time now) {
  release(visit.repository.server, outcome.error, kGap, now);
  Receiver* const receiver = receiver_of(visit);
  if (receiver == nullptr) return std::nullopt;
  Entry& entry = receiver->entries.at(visit.repository.name());
  const State was = std::exchange(entry.state, outcome.state);
  if (outcome.error) {
    failed(*receiver, entry, *outcome.error, now);
    return was;
  }
  receiver->refusals = 0;
  entry.failures = 0;
  entry.server_failed = false;
  if (entry.webhook != outcome.webhook) entry.deliveries_due = now;
  entry.webhook = outcome.webhook;
  entry.is_new = outcome.state == State::kPending;
  const auto round = kRound * (1 + random_() / 10);
  entry.due = entry.is_new ? std::max(now, receiver->served_everywhere)
                           : now + std::chrono::duration_cast<Time::duration>(round);
  return was;
}

bool RegistrationSchedule::asked(const Visit& visit, const std::optional<BitbucketError>& error,
                                 Time now) {
  release(visit.repository.server, error, kDeliveriesGap, now);
  Receiver* const receiver = receiver_of(visit);
  if (receiver == nullptr) return false;
  Entry& entry = receiver->entries.at(visit.repository.name());
  entry.deliveries_due = now + kDeliveriesRound;
  if (!error) receiver->refusals = 0;
  if (error && is_of_token(error->kind)) pause(*receiver, *error, now);
  // It is gone, or this version has no such list: the next visit knows.
  if (error && error->kind == ApiFailure::kNotFound) entry.webhook.clear();
  return true;
}

void RegistrationSchedule::release(const std::string& server,
                                   const std::optional<BitbucketError>& error,
                                   std::chrono::milliseconds gap, Time now) {
  std::erase_if(servers_,
                [&](const auto& one) { return !one.second.busy && one.second.free_at <= now; });
  servers_[server] = {.busy = false, .free_at = now + gap};
  if (!error || !is_of_server(error->kind)) server_is_back(server, now);
}

RegistrationSchedule::Receiver* RegistrationSchedule::receiver_of(const Visit& visit) {
  const auto found = receivers_.find(visit.receiver);
  const bool wanted = found != receivers_.end() && found->second.wish == visit.wish &&
                      found->second.entries.contains(visit.repository.name());
  return wanted ? &found->second : nullptr;
}

void RegistrationSchedule::pause(Receiver& receiver, const BitbucketError& error, Time now) {
  const Seconds told = error.retry_after.value_or(pause_after(++receiver.refusals));
  receiver.paused_until = now + std::clamp(told, Seconds(1), kLongestPause);
}

void RegistrationSchedule::failed(Receiver& receiver, Entry& entry, const BitbucketError& error,
                                  Time now) {
  entry.server_failed = is_of_server(error.kind);
  if (is_of_token(error.kind)) {
    pause(receiver, error, now);
    entry.due = receiver.paused_until;
    return;
  }
  entry.is_new = false;
  const Seconds told = error.retry_after.value_or(Seconds(0));
  entry.due = now + std::clamp(told, pause_after(++entry.failures), kLongestPause);
}

/// Whatever it could not answer need not wait any longer.
void RegistrationSchedule::server_is_back(const std::string& server, Time now) {
  for (auto& [name, receiver] : receivers_) {
    for (auto& [repository, entry] : receiver.entries) {
      if (!entry.server_failed || entry.repository.server != server) continue;
      entry.server_failed = false;
      entry.due = std::min(entry.due, now);
    }
  }
}

RegistrationSchedule::Seconds RegistrationSchedule::pause_after(unsigned failures) {
  constexpr unsigned kDoublings = 6;  // beyond the longest
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
