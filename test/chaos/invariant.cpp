#include "test/chaos/invariant.h"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include <fmt/format.h>

namespace receiver::chaos {
namespace {

Time begin_of(const Change& change) {
  const auto time = clock::parse_rfc3339(change.token);
  if (!time) throw std::runtime_error("a refresh token is no time: " + change.token);
  return *time;
}

/// When the PATCHes of each object began, in order.
using Begins = std::unordered_map<std::string, std::vector<Time>>;

Begins begins_of(const std::vector<Change>& changes) {
  Begins begins;
  for (const Change& change : changes) begins[change.object].push_back(begin_of(change));
  for (auto& [object, times] : begins) std::sort(times.begin(), times.end());
  return begins;
}

/// The first target without a PATCH that began between the two times; null if there is none.
const std::string* unserved_target(const Begins& begins, const SentDelivery& sent, Time before) {
  for (const std::string& target : sent.targets) {
    const auto found = begins.find(target);
    if (found == begins.end()) return &target;
    const auto first = std::upper_bound(found->second.begin(), found->second.end(), sent.last_byte);
    if (first == found->second.end() || *first >= before) return &target;
  }
  return nullptr;
}

}  // namespace

Promise promise_of(const SentDelivery& sent) {
  if (sent.status == 200) return Promise::kApplied;
  // Cloud resends after a 503, Data Center never.
  const bool put_off =
      sent.cloud ? sent.status == 503 && sent.body.find("failed to refresh") != std::string::npos
                 : sent.status == 202;
  return put_off ? Promise::kQueued : Promise::kNothing;
}

Findings check(const std::vector<SentDelivery>& deliveries, const std::vector<Change>& changes) {
  const Begins begins = begins_of(changes);
  Findings findings;
  for (const SentDelivery& sent : deliveries) {
    const Promise promise = promise_of(sent);
    const bool acknowledged = promise == Promise::kApplied;
    const std::string* const unserved =
        unserved_target(begins, sent, acknowledged ? sent.answered : Time::max());
    Kept& kept = acknowledged                  ? findings.acknowledged
                 : promise == Promise::kQueued ? findings.queued
                                               : findings.nothing;
    ++kept.promised;
    if (!unserved) continue;
    ++kept.broken;
    if (promise == Promise::kNothing || findings.examples.size() == Findings::kExamples) continue;
    findings.examples.push_back(fmt::format(
        "sent until {}, answered {} at {}: no refresh of {} began {}",
        clock::format_nanos(sent.last_byte), sent.status, clock::format_nanos(sent.answered),
        *unserved, acknowledged ? "in between" : "after it"));
  }
  return findings;
}

std::optional<std::chrono::nanoseconds> applied_after(const SentDelivery& sent,
                                                      const std::vector<Change>& changes) {
  Time last = sent.last_byte;
  for (const std::string& target : sent.targets) {
    const auto first = std::ranges::find_if(changes, [&](const Change& change) {
      return change.object == target && begin_of(change) > sent.last_byte;
    });
    if (first == changes.end()) return std::nullopt;
    last = std::max(last, first->stored);
  }
  return last - sent.last_byte;
}

}  // namespace receiver::chaos
