#pragma once

#include <chrono>
#include <deque>
#include <string>

#include "clock/clock.h"

namespace receiver::controllers {

/// Notices that another writer undoes what is written (SPEC 2.6). One per owner; pure.
class StatusConflict {
 public:
  static constexpr int kWrites = 3;
  static constexpr std::chrono::minutes kWithin{10};

  /// Whether to go on writing: not when `value` was written three times within ten minutes. A new
  /// value begins anew: it stands for everything that may end the conflict.
  [[nodiscard]] bool may_write(const std::string& value, clock::Steady::time_point now);
  void written(clock::Steady::time_point now);

 private:
  std::string value_;
  std::deque<clock::Steady::time_point> writes_;
  bool held_ = false;
};

}  // namespace receiver::controllers
