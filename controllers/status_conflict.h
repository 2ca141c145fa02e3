#pragma once

#include <string>

#include "api/receiver_owner.h"
#include "controllers/derive.h"

namespace receiver::controllers {

/// Notices that another writer undoes what is written (SPEC 2.6). It knows no time: Kargo's round
/// takes five minutes, and its retries up to seventeen. One per owner; pure.
class StatusConflict {
 public:
  static constexpr int kWrites = 3;

  /// Whether to write `value` again, which does not stand: not when it has been undone three times
  /// in a row. A new value begins anew: it stands for everything that may end the conflict.
  [[nodiscard]] bool may_write(const std::string& value);
  void written() { ++writes_; }
  /// What stands is right. If that is the other writer's doing, the conflict is over.
  void agreed();

 private:
  std::string value_;
  int writes_ = 0;
  bool given_up_ = false;
};

/// What the other writer's status differs in, and what to do about it, as a clause for people.
/// Never a path or a whole URL. Differing base URLs come first.
[[nodiscard]] std::string status_difference(const api::OwnerStatus& theirs,
                                            const api::OwnerStatus& ours, const BaseUrl& base);

}  // namespace receiver::controllers
