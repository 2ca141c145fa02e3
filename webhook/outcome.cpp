#include "webhook/outcome.h"

#include <algorithm>
#include <string>

namespace receiver::webhook {
namespace {

/// In the order of Outcome. Alerts, dashboards and `receiverctl deliveries` use these names.
constexpr auto kNames = std::to_array<std::string_view>(
    {"ok", "queued", "failed", "overloaded", "ignored_event", "ping", "unknown_path", "not_ready",
     "wrong_method", "too_large", "missing_signature", "bad_signature", "bad_body"});
static_assert(kNames.size() == kOutcomes);

}  // namespace

std::string_view outcome_name(Outcome outcome) {
  return kNames.at(static_cast<std::size_t>(outcome));
}

std::optional<Outcome> outcome_named(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Outcome>(found - kNames.begin());
}

void DeliveryCounters::add(Outcome outcome, std::string_view event) {
  const auto* const known = std::ranges::find(bitbucket::kEvents, event, &bitbucket::Event::key);
  auto index = static_cast<std::size_t>(known - bitbucket::kEvents.begin());
  if (index == kPing && event != bitbucket::kPingEvent) index = kOther;
  ++counts.at(static_cast<std::size_t>(outcome)).at(index);
}

std::uint64_t DeliveryCounters::of(Outcome outcome) const {
  std::uint64_t sum = 0;
  for (const auto& count : counts.at(static_cast<std::size_t>(outcome))) sum += count;
  return sum;
}

}  // namespace receiver::webhook
