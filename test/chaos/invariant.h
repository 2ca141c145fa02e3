#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "clock/clock.h"

/// "Acknowledged means applied" (SPEC 4), computed from what was seen on both sides of the
/// operator. Pure: tests feed it data that must fail.
namespace receiver::chaos {

using Time = clock::Wall::time_point;

/// A delivery from its sender's view. There is one clock: sender and operator share a machine.
struct SentDelivery {
  bool cloud = true;                   ///< false: of Bitbucket Data Center
  std::vector<std::string> targets{};  ///< the objects that it must refresh, as KIND/NAMESPACE/NAME
  Time begun{};                        ///< before its connection was opened
  Time last_byte{};     ///< before its last byte was written: it arrived later than that
  Time answered{};      ///< or when the sender gave up
  unsigned status = 0;  ///< 0: no answer
  std::string body{};   ///< of the answer
  std::chrono::nanoseconds paused{0};  ///< on purpose, before its last byte

  /// Including its connection.
  [[nodiscard]] std::chrono::nanoseconds took() const { return answered - begun - paused; }
};

enum class Promise {
  kApplied,  ///< 200: every target has been refreshed by now
  kQueued,   ///< 503 to Cloud, which resends, or 202 to Data Center: every target will be
  kNothing,  ///< rejected, no answer, or one that does not fit this sender
};
[[nodiscard]] Promise promise_of(const SentDelivery& sent);

/// A value of an object's refresh annotation: the time at which its PATCH began.
struct Change {
  std::string object;
  std::string token;
  Time stored{};  ///< when etcd had reported it
};

struct Kept {
  std::size_t promised = 0;
  std::size_t broken = 0;
};

struct Findings {
  Kept acknowledged;  ///< broken: lost
  Kept queued;        ///< broken: not applied, at least not yet
  /// Not promised, but refreshed anyway, for example by catch-up.
  Kept nothing;
  std::vector<std::string> examples;  ///< of lost deliveries, for people; at most kExamples
  static constexpr std::size_t kExamples = 5;
};

/// An acknowledged delivery needs, for each target, a change whose PATCH began after the delivery
/// arrived and before it was answered; any other delivery needs a change whose PATCH began after it
/// arrived. Throws if a token is not a time.
[[nodiscard]] Findings check(const std::vector<SentDelivery>& deliveries,
                             const std::vector<Change>& changes);

/// From the delivery's arrival until the last of its targets was refreshed for it; nothing if one
/// never was. The changes must be in etcd's order.
[[nodiscard]] std::optional<std::chrono::nanoseconds> applied_after(
    const SentDelivery& sent, const std::vector<Change>& changes);

}  // namespace receiver::chaos
