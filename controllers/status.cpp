#include "controllers/status.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

#include "controllers/failure_message.h"

namespace receiver::controllers {
namespace {

constexpr std::string_view kSyncFailed = "SyncWebhookReceiversFailed";

template <typename Entries>
auto find_named(Entries& entries, std::string_view name) {
  return std::find_if(entries.begin(), entries.end(),
                      [&](const auto& entry) { return entry.name == name; });
}

/// The condition Ready; null if there is none. Conditions are keyed by type.
template <typename Conditions>
auto* find_ready(Conditions& conditions) {
  const auto found = std::find_if(conditions.begin(), conditions.end(),
                                  [](const auto& condition) { return condition.type == "Ready"; });
  return found == conditions.end() ? nullptr : &*found;
}

bool is_in_spec(const api::ReceiverOwner& owner, std::string_view name) {
  return find_named(owner.receivers, name) != owner.receivers.end();
}

bool is_foreign(const api::Receiver& receiver) {
  return !receiver.bitbucket && !receiver.name.empty();
}

/// Whether the path of an entry is that of a Bitbucket receiver: BASEPATH/bitbucket/HEX.
bool is_bitbucket(const api::PublishedReceiver& entry) {
  return std::string_view(entry.path).substr(0, entry.path.rfind('/')).ends_with("/bitbucket");
}

/// Bitbucket entries as derived, entries of other types unchanged, in the order of the spec. Each
/// is listed once: if two receivers have one name, the second gets the second entry.
std::vector<api::PublishedReceiver> next_receivers(const api::ReceiverOwner& owner,
                                                   const DerivedReceivers& derived) {
  std::vector<api::PublishedReceiver> ours = derived.published;
  std::vector<api::PublishedReceiver> others = owner.status.webhook_receivers;
  std::erase_if(others, is_bitbucket);
  std::vector<api::PublishedReceiver> next;
  for (const api::Receiver& receiver : owner.receivers) {
    auto& source = receiver.bitbucket ? ours : others;
    const auto found = find_named(source, receiver.name);
    if (found == source.end()) continue;
    next.push_back(std::move(*found));
    source.erase(found);
  }
  return next;
}

/// The message of another writer's current failure; empty if there is none. A failure in our form
/// that names a receiver of another type is not ours either.
std::string others_failure(const api::ReceiverOwner& owner, const api::Condition* ready) {
  if (ready == nullptr || ready->status != "False") return {};
  FailureMessage said = parse_failure(ready->message);
  if (!said.others.empty()) return std::move(said.others);
  const bool foreign = std::ranges::any_of(owner.receivers, [&](const auto& receiver) {
    return is_foreign(receiver) && std::ranges::count(said.receivers, receiver.name) != 0;
  });
  return foreign ? ready->message : std::string();
}

bool names_foreign(const api::ReceiverOwner& owner, std::string_view failure) {
  return std::ranges::any_of(owner.receivers, [&](const auto& receiver) {
    return is_foreign(receiver) && names_receiver(failure, receiver.name);
  });
}

/// Whether the failure names exactly those of our receivers that fail here.
bool agrees(const api::ReceiverOwner& owner, const DerivedReceivers& derived,
            std::string_view failure) {
  return std::ranges::all_of(owner.receivers, [&](const api::Receiver& receiver) {
    if (!receiver.bitbucket) return true;
    const bool fails =
        std::ranges::count(derived.failures, receiver.name, &ReceiverFailure::receiver) != 0;
    return names_receiver(failure, receiver.name) == fails;
  });
}

/// Whether another writer has already reported this generation's failure completely: its status
/// counts as ours. That is how Kargo fails; it leaves Reconciling=True and observedGeneration.
bool is_said_by_other(const api::ReceiverOwner& owner, const DerivedReceivers& derived,
                      const api::Condition* ready) {
  const std::string failure = others_failure(owner, ready);
  if (failure.empty() || failure != ready->message) return false;
  const std::int64_t generation = ready->observed_generation;
  if (generation != 0 && generation != owner.meta.generation) return false;
  const bool about_us = !derived.failures.empty() && ready->reason == kSyncFailed;
  return (about_us || names_foreign(owner, failure)) && agrees(owner, derived, failure);
}

api::Condition ready_condition(const api::ReceiverOwner& owner, const DerivedReceivers& derived,
                               const api::Condition* existing) {
  api::Condition ready{
      "Ready",  "True",
      "Synced", fmt::format("{} is synced and ready for use", api::kind_name(owner.kind)),
      "",       owner.meta.generation};
  const std::string others = others_failure(owner, existing);
  if (names_foreign(owner, others)) {
    // It stays true whatever this operator finds.
    ready.status = "False";
    ready.reason = existing->reason;
    const bool said = agrees(owner, derived, others);
    ready.message =
        compose_failure(owner.kind, others, said ? decltype(derived.failures)() : derived.failures);
  } else if (!derived.failures.empty()) {
    ready.status = "False";
    ready.reason = kSyncFailed;
    ready.message = compose_failure(owner.kind, {}, derived.failures);
  }
  return ready;
}

void set_ready(const api::ReceiverOwner& owner, const DerivedReceivers& derived,
               clock::Wall::time_point now, std::vector<api::Condition>& conditions) {
  api::Condition* const existing = find_ready(conditions);
  api::Condition ready = ready_condition(owner, derived, existing);
  const bool same_value = existing != nullptr && existing->status == ready.status &&
                          !existing->last_transition_time.empty();
  ready.last_transition_time =
      same_value ? existing->last_transition_time : clock::format_seconds(now);
  if (existing != nullptr) {
    *existing = std::move(ready);
  } else {
    conditions.push_back(std::move(ready));
  }
}

/// The status of an object whose receivers are all of other types: unchanged, without what this
/// operator wrote while it had a Bitbucket receiver.
api::OwnerStatus without_ours(const api::ReceiverOwner& owner, clock::Wall::time_point now) {
  api::OwnerStatus next = owner.status;
  std::erase_if(next.webhook_receivers, [&](const api::PublishedReceiver& entry) {
    return !is_in_spec(owner, entry.name) && is_bitbucket(entry);
  });
  const api::Condition* const ready = find_ready(owner.status.conditions);
  const bool failure_is_ours = ready != nullptr && ready->status == "False" &&
                               others_failure(owner, ready) != ready->message;
  if (failure_is_ours) set_ready(owner, {}, now, next.conditions);
  return next;
}

api::OwnerStatus with_ours(const api::ReceiverOwner& owner, const DerivedReceivers& derived,
                           clock::Wall::time_point now) {
  api::OwnerStatus next = owner.status;
  next.webhook_receivers = next_receivers(owner, derived);
  if (!owner.refresh.empty()) next.last_handled_refresh = owner.refresh;
  const api::Condition* const ready = find_ready(owner.status.conditions);
  if (is_said_by_other(owner, derived, ready)) return next;
  next.observed_generation = owner.meta.generation;
  if (!names_foreign(owner, others_failure(owner, ready))) {
    std::erase_if(next.conditions,
                  [](const api::Condition& condition) { return condition.type == "Reconciling"; });
  }
  set_ready(owner, derived, now, next.conditions);
  return next;
}

}  // namespace

std::optional<api::OwnerStatus> next_status(const api::ReceiverOwner& owner,
                                            const DerivedReceivers& derived,
                                            clock::Wall::time_point now) {
  if (owner.meta.deleting || derived.unread) return std::nullopt;
  const bool only_foreign = !owner.has_bitbucket_receiver() && !owner.receivers.empty();
  api::OwnerStatus next = only_foreign ? without_ours(owner, now) : with_ours(owner, derived, now);
  if (next == owner.status) return std::nullopt;
  return next;
}

}  // namespace receiver::controllers
