#include "controllers/status.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include <fmt/format.h>

namespace receiver::controllers {
namespace {

constexpr std::string_view kFailurePrefix = "Failed to sync WebhookReceivers: ";
/// Between a failure that another writer told and ours.
constexpr std::string_view kOursFollows = " | bitbucket: ";
/// How each of our failures begins, and how one ends where another follows.
constexpr std::string_view kReceiver = "receiver \"";
constexpr std::string_view kNextReceiver = "; receiver \"";

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

/// Bitbucket entries as derived, entries of other types as they stand, in the order of the spec.
std::vector<api::PublishedReceiver> next_receivers(const api::ReceiverOwner& owner,
                                                   const DerivedReceivers& derived) {
  std::vector<api::PublishedReceiver> next;
  for (const api::Receiver& receiver : owner.receivers) {
    const auto& source = receiver.bitbucket ? derived.published : owner.status.webhook_receivers;
    const auto found = find_named(source, receiver.name);
    if (found != source.end()) next.push_back(*found);
  }
  return next;
}

std::string failure_text(const DerivedReceivers& derived) {
  std::string text;
  for (const ReceiverFailure& failure : derived.failures) {
    if (!text.empty()) text += "; ";
    text += fmt::format("receiver \"{}\": {}", failure.receiver, failure.message);
  }
  return text;
}

/// Whether the text holds the name, and not as a part of a longer one.
bool mentions(std::string_view text, std::string_view name) {
  const auto continues = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-';
  };
  for (std::size_t at = text.find(name); at != std::string_view::npos;
       at = text.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    const bool begins = at == 0 || !continues(text[at - 1]);
    if (begins && (end == text.size() || !continues(text[end]))) return true;
  }
  return false;
}

bool is_foreign(const api::Receiver& receiver) {
  return !receiver.bitbucket && !receiver.name.empty();
}

/// Whether a failure is told as failure_text() tells it, of receivers none of which is of another
/// type.
bool tells_of_ours_alone(const api::ReceiverOwner& owner, std::string_view message) {
  if (!message.starts_with(kFailurePrefix)) return false;
  message.remove_prefix(kFailurePrefix.size());
  while (message.starts_with(kReceiver)) {
    message.remove_prefix(kReceiver.size());
    const auto named = find_named(owner.receivers, message.substr(0, message.find('"')));
    if (named != owner.receivers.end() && is_foreign(*named)) return false;
    const std::size_t next = message.find(kNextReceiver);
    if (next == std::string_view::npos) return true;
    message.remove_prefix(next + kNextReceiver.size() - kReceiver.size());
  }
  return false;
}

/// A failure of another writer that names a receiver which is not ours stays true whatever we find.
bool tells_of_foreign(const api::ReceiverOwner& owner, const api::Condition& ready) {
  if (ready.status != "False" || tells_of_ours_alone(owner, ready.message)) return false;
  return std::any_of(owner.receivers.begin(), owner.receivers.end(), [&](const auto& receiver) {
    return is_foreign(receiver) && mentions(ready.message, receiver.name);
  });
}

api::Condition ready_condition(const api::ReceiverOwner& owner, const DerivedReceivers& derived,
                               const api::Condition* existing) {
  api::Condition ready{
      "Ready",  "True",
      "Synced", fmt::format("{} is synced and ready for use", api::kind_name(owner.kind)),
      "",       owner.meta.generation};
  const std::string ours = failure_text(derived);
  if (existing != nullptr && tells_of_foreign(owner, *existing)) {
    ready.status = "False";
    ready.reason = existing->reason;
    ready.message = existing->message.substr(0, existing->message.find(kOursFollows));
    if (!ours.empty()) ready.message.append(kOursFollows).append(ours);
  } else if (!ours.empty()) {
    ready.status = "False";
    ready.reason = "SyncWebhookReceiversFailed";
    ready.message = std::string(kFailurePrefix) + ours;
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

/// The status of an object whose receivers are all of other types: as it stands, without what we
/// wrote while it had one of ours.
api::OwnerStatus without_ours(const api::ReceiverOwner& owner, clock::Wall::time_point now) {
  api::OwnerStatus next = owner.status;
  std::erase_if(next.webhook_receivers, [&](const api::PublishedReceiver& entry) {
    return !is_in_spec(owner, entry.name) && entry.path.find("/bitbucket/") != std::string::npos;
  });
  const api::Condition* const ready = find_ready(owner.status.conditions);
  const bool failure_is_ours = ready != nullptr && ready->status == "False" &&
                               (tells_of_ours_alone(owner, ready->message) ||
                                ready->message.find(kOursFollows) != std::string::npos);
  if (failure_is_ours) set_ready(owner, {}, now, next.conditions);
  return next;
}

api::OwnerStatus with_ours(const api::ReceiverOwner& owner, const DerivedReceivers& derived,
                           clock::Wall::time_point now) {
  api::OwnerStatus next = owner.status;
  next.webhook_receivers = next_receivers(owner, derived);
  next.observed_generation = owner.meta.generation;
  if (!owner.refresh.empty()) next.last_handled_refresh = owner.refresh;
  const api::Condition* const ready = find_ready(owner.status.conditions);
  if (ready == nullptr || !tells_of_foreign(owner, *ready)) {
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
