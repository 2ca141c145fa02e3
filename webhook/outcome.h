#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "bitbucket/event.h"

namespace receiver::webhook {

/// How a request to the webhook port ends: one name for answer, counter, log line and metric.
enum class Outcome : std::uint8_t {
  kOk,          ///< all its objects are refreshed
  kQueued,      ///< some objects are still waiting, and will be refreshed
  kFailed,      ///< some refreshes were finally rejected
  kOverloaded,  ///< rejected: a queue or the memory for bodies is full
  kIgnoredEvent,
  kPing,
  kUnknownPath,
  kNotReady,  ///< a Secret or the objects have not been read yet
  kWrongMethod,
  kTooLarge,
  kMissingSignature,
  kBadSignature,
  kBadBody,
};
inline constexpr std::size_t kOutcomes = static_cast<std::size_t>(Outcome::kBadBody) + 1;
[[nodiscard]] std::string_view outcome_name(Outcome outcome);
[[nodiscard]] std::optional<Outcome> outcome_named(std::string_view name);

/// Requests by outcome and event. Thread-safe.
struct DeliveryCounters {
  /// After the events of bitbucket::kEvents.
  static constexpr std::size_t kPing = bitbucket::kEvents.size();
  static constexpr std::size_t kOther = kPing + 1;

  std::array<std::array<std::atomic<std::uint64_t>, kOther + 1>, kOutcomes> counts{};
  std::atomic<std::uint64_t> previous_secret{0};  ///< signed with secret.previous
  std::atomic<std::uint64_t> spared{0};  ///< Warehouses not refreshed, according to Bitbucket

  /// Counts a request with this X-Event-Key.
  void add(Outcome outcome, std::string_view event);
  /// The sum over all events.
  [[nodiscard]] std::uint64_t of(Outcome outcome) const;
};

}  // namespace receiver::webhook
