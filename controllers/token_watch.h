#pragma once

#include <set>
#include <string>
#include <vector>

#include "controllers/daily_notes.h"
#include "controllers/derive.h"

namespace receiver::controllers {

/// Notices that a Secret has lost its `bitbucket.token`: Kargo's UI drops keys that it was not
/// sent, and everything works on without them, only slower. One per owner; pure.
class TokenWatch {
 public:
  /// What the owner names now. A note for each receiver whose Secret had a token before. A Secret
  /// that is not there for a while is remembered as it was.
  [[nodiscard]] std::vector<Note> look(const std::vector<TokenState>& now);

 private:
  std::set<std::string> with_token_;  ///< names of Secrets
};

}  // namespace receiver::controllers
