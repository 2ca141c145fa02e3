#include "controllers/token_watch.h"

#include <utility>

#include <fmt/format.h>

namespace receiver::controllers {

std::vector<Note> TokenWatch::look(const std::vector<TokenState>& now) {
  std::vector<Note> notes;
  std::set<std::string> with_token;
  for (const TokenState& state : now) {
    const bool had_one = with_token_.contains(state.secret_name);
    if (state.has_token.value_or(had_one)) {
      with_token.insert(state.secret_name);
    } else if (had_one) {
      notes.push_back(
          {kube::EventType::kWarning, "BitbucketTokenRemoved",
           fmt::format(
               "receiver \"{}\": Secret {} no longer contains the key \"bitbucket.token\", so the "
               "operator no longer asks Bitbucket; if somebody saved the Secret in Kargo's "
               "UI, add the keys bitbucket.* again",
               state.receiver, state.secret_name)});
    }
  }
  with_token_ = std::move(with_token);
  return notes;
}

}  // namespace receiver::controllers
