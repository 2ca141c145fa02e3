#include "controllers/status.h"

#include <algorithm>

#include <fmt/format.h>

namespace receiver::controllers {
namespace {

constexpr std::string_view kFailurePrefix = "Failed to sync WebhookReceivers: ";

/// Bitbucket entries as derived, entries of other types as they stand, in the order of the spec.
std::vector<api::PublishedReceiver> next_receivers(const api::ReceiverOwner& owner,
                                                   const DerivedReceivers& derived) {
  std::vector<api::PublishedReceiver> next;
  for (const api::Receiver& receiver : owner.receivers) {
    const auto& source = receiver.bitbucket ? derived.published : owner.status.webhook_receivers;
    const auto found = std::find_if(
        source.begin(), source.end(),
        [&](const api::PublishedReceiver& entry) { return entry.name == receiver.name; });
    if (found != source.end()) next.push_back(*found);
  }
  return next;
}

/// A Ready=False of another writer that names a receiver which is not ours stays true whatever we
/// find.
bool names_foreign_receiver(const api::ReceiverOwner& owner, const std::string& message) {
  return std::any_of(owner.receivers.begin(), owner.receivers.end(),
                     [&](const api::Receiver& receiver) {
                       return !receiver.bitbucket && !receiver.name.empty() &&
                              message.find(receiver.name) != std::string::npos;
                     });
}

std::string failure_text(const DerivedReceivers& derived) {
  std::string text;
  for (const ReceiverFailure& failure : derived.failures) {
    if (!text.empty()) text += "; ";
    text += fmt::format("receiver \"{}\": {}", failure.receiver, failure.message);
  }
  return text;
}

api::Condition ready_condition(const api::ReceiverOwner& owner, const DerivedReceivers& derived,
                               const api::Condition* existing) {
  api::Condition ready{
      "Ready",  "True",
      "Synced", fmt::format("{} is synced and ready for use", api::kind_name(owner.kind)),
      "",       owner.meta.generation};
  const std::string ours = failure_text(derived);
  const bool foreign = existing != nullptr && existing->status == "False" &&
                       names_foreign_receiver(owner, existing->message);
  if (ours.empty() && !foreign) return ready;

  ready.status = "False";
  ready.reason = "SyncWebhookReceiversFailed";
  std::string kept;
  if (foreign) {
    kept = existing->message;
    // What we appended in an earlier pass begins at our own separator.
    kept.resize(std::min(kept.size(), kept.find(" | bitbucket: ")));
    if (existing->reason != ready.reason) ready.reason = existing->reason;
  }
  if (kept.empty()) {
    ready.message = std::string(kFailurePrefix) + ours;
  } else {
    ready.message = ours.empty() ? kept : kept + " | bitbucket: " + ours;
  }
  return ready;
}

}  // namespace

std::optional<api::OwnerStatus> next_status(const api::ReceiverOwner& owner,
                                            const DerivedReceivers& derived,
                                            clock::Wall::time_point now) {
  if (owner.meta.deleting || derived.unread) return std::nullopt;
  const bool only_foreign = !owner.has_bitbucket_receiver() && !owner.receivers.empty();
  if (only_foreign) return std::nullopt;

  api::OwnerStatus next = owner.status;
  next.webhook_receivers = next_receivers(owner, derived);
  next.observed_generation = owner.meta.generation;
  if (!owner.refresh.empty()) next.last_handled_refresh = owner.refresh;

  std::erase_if(next.conditions,
                [](const api::Condition& condition) { return condition.type == "Reconciling"; });
  const auto existing =
      std::find_if(next.conditions.begin(), next.conditions.end(),
                   [](const api::Condition& condition) { return condition.type == "Ready"; });
  const bool exists = existing != next.conditions.end();
  api::Condition ready = ready_condition(owner, derived, exists ? &*existing : nullptr);
  const bool same_value =
      exists && existing->status == ready.status && !existing->last_transition_time.empty();
  ready.last_transition_time =
      same_value ? existing->last_transition_time : clock::format_seconds(now);
  if (exists) {
    *existing = std::move(ready);
  } else {
    next.conditions.push_back(std::move(ready));
  }
  if (next == owner.status) return std::nullopt;
  return next;
}

}  // namespace receiver::controllers
