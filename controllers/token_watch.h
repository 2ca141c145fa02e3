#pragma once

#include <set>
#include <string>
#include <vector>

#include "controllers/daily_notes.h"
#include "controllers/derive.h"

namespace receiver::controllers {

/// Detects that a Secret has lost its `bitbucket.token`: Kargo's UI drops keys that it does not
/// know, and everything still works, only slower. One per owner; pure.
class TokenWatch {
 public:
  /// `now` is what the owner names now. Returns a note for each receiver whose Secret had a token
  /// before. A Secret that is missing for a while keeps its remembered state.
  [[nodiscard]] std::vector<Note> look(const std::vector<TokenState>& now);

 private:
  std::set<std::string> with_token_;  ///< names of Secrets
};

}  // namespace receiver::controllers
