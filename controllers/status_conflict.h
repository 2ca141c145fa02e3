#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "api/receiver_owner.h"
#include "clock/clock.h"
#include "controllers/derive.h"

namespace receiver::controllers {

/// Detects that another writer overwrites what is written (SPEC 2.6). One per owner; pure.
class StatusConflict {
 public:
  using Time = clock::Steady::time_point;
  static constexpr int kWrites = 3;
  /// Kargo's round takes five minutes, and its retries up to seventeen: a status that has stood for
  /// longer than this is not being overwritten.
  static constexpr std::chrono::minutes kStands{20};

  /// Whether to write `value` again after it was overwritten: not after three times in a row. A new
  /// value starts again: it stands for everything that may end the conflict.
  [[nodiscard]] bool may_write(const std::string& value);
  void written(Time now) {
    ++writes_;
    last_write_ = now;
  }
  /// The current status is right. If the other writer wrote it, or it has been so for longer than
  /// any of its rounds, there is no conflict.
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

/// How the other writer's status differs, and what to do about it, as a clause for people. Never
/// contains a path or a whole URL. Different base URLs come first.
[[nodiscard]] std::string status_difference(const api::OwnerStatus& theirs,
                                            const api::OwnerStatus& ours, const BaseUrl& base);

}  // namespace receiver::controllers
