#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "api/receiver_owner.h"
#include "clock/clock.h"
#include "controllers/derive.h"

namespace receiver::controllers {

/// Notices that another writer undoes what is written (SPEC 2.6). One per owner; pure.
class StatusConflict {
 public:
  using Time = clock::Steady::time_point;
  static constexpr int kWrites = 3;
  /// Kargo's round takes five minutes, and its retries up to seventeen: what has stood for longer
  /// than this is not being undone.
  static constexpr std::chrono::minutes kStands{20};

  /// Whether to write `value` again, which does not stand: not when it has been undone three times
  /// in a row. A new value begins anew: it stands for everything that may end the conflict.
  [[nodiscard]] bool may_write(const std::string& value);
  void written(Time now) {
    ++writes_;
    last_write_ = now;
  }
  /// What stands is right. If that is the other writer's doing, or has been so for longer than any
  /// of its rounds, there is no conflict.
  void agreed(Time now);

 private:
  std::string value_;
  int writes_ = 0;
  Time last_write_{};
  bool given_up_ = false;
};

/// The entry of that receiver, null if there is none.
[[nodiscard]] const api::PublishedReceiver* find_entry(
    const std::vector<api::PublishedReceiver>& entries, std::string_view name);

/// What the other writer's status differs in, and what to do about it, as a clause for people.
/// Never a path or a whole URL. Differing base URLs come first.
[[nodiscard]] std::string status_difference(const api::OwnerStatus& theirs,
                                            const api::OwnerStatus& ours, const BaseUrl& base);

}  // namespace receiver::controllers
