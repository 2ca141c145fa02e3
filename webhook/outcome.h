#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bitbucket/event.h"

namespace receiver::webhook {

/// How a request to the webhook port ends, wherever that is told: answer, counter, log and metric.
enum class Outcome : std::uint8_t {
  kOk,          ///< everything that it is for is refreshed
  kQueued,      ///< some of it is still to be done, and will be
  kFailed,      ///< some of it is refused for good
  kOverloaded,  ///< not taken: a queue or the memory for bodies is full
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

/// Requests by how they ended and by the event that they named. Thread-safe.
struct DeliveryCounters {
  /// After those of bitbucket::kEvents.
  static constexpr std::size_t kPing = bitbucket::kEvents.size();
  static constexpr std::size_t kOther = kPing + 1;

  std::array<std::array<std::atomic<std::uint64_t>, kOther + 1>, kOutcomes> counts{};
  std::atomic<std::uint64_t> previous_secret{0};  ///< signed with a secret that is being replaced
  std::atomic<std::uint64_t> spared{0};  ///< Warehouses not refreshed, by what Bitbucket said

  /// Counts one of this X-Event-Key.
  void add(Outcome outcome, std::string_view event);
  /// Of all events.
  [[nodiscard]] std::uint64_t of(Outcome outcome) const;
};

}  // namespace receiver::webhook
