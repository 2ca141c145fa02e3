#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bitbucket/ref_changes.h"
#include "bitbucket_rest/messages.h"
#include "clock/clock.h"
#include "webhook/changed_files.h"

namespace receiver::webhook {

struct AnswerBookLimits {
  std::size_t bytes =
      8UL * 1024 *
      1024;  ///< limit of cached answers; beyond it the least recently used are dropped
  /// Larger answers are not cached: they would displace too many others.
  std::size_t bytes_of_answer = 1024UL * 1024;
  std::size_t pauses = 10'000;  ///< limit of remembered pauses; further ones are ignored
  std::size_t repositories =
      10'000;  ///< limit of repositories whose default branch was asked for in the last minute
  std::size_t default_branches = 10;  ///< questions per minute and repository
};

/// Identifies a question: the Secret, the repository, and the commit. Keys of different Secrets, or
/// of two versions of one, are never equal: a tenant chooses which Bitbucket is asked.
struct QuestionKey {
  std::string token;       ///< UID and version of the Secret
  std::string repository;  ///< server and name
  std::string commit;      ///< one or two commits; empty for the default branch
  friend auto operator<=>(const QuestionKey&, const QuestionKey&) = default;
};

/// Caches what Bitbucket says about commits, which never changes, and remembers pauses after
/// errors. Pure: no clock, no I/O, no threads. Limited in bytes; the least recently used answer is
/// dropped first.
class AnswerBook {
 public:
  using Time = clock::Steady::time_point;
  using Steps = std::vector<bitbucket::Commit>;
  /// The last alternative is a default branch, which is not cached.
  using Answer = std::variant<Paths, Steps, std::string>;

  /// Pause after 401, 403, 404 and 429; and its maximum, whatever Retry-After says.
  static constexpr std::chrono::minutes kPause{1};
  static constexpr std::chrono::hours kLongestPause{1};
  static constexpr std::chrono::minutes kDefaultBranchWindow{1};

  explicit AnswerBook(AnswerBookLimits limits = {}) : limits_(limits) {}
  AnswerBook(const AnswerBook&) = delete;
  AnswerBook& operator=(const AnswerBook&) = delete;

  [[nodiscard]] std::optional<Answer> find(const QuestionKey& key);
  void keep(const QuestionKey& key, Answer answer);

  /// A question failed. 401 and 429 pause the token, 403 the repository, 404 the commit.
  void failed(const QuestionKey& key, const bitbucket_rest::BitbucketError& error, Time now);
  [[nodiscard]] bool paused(const QuestionKey& key, Time now) const;

  /// Uses one of the questions per minute for the default branch; false if none is left.
  [[nodiscard]] bool take_default_branch_question(const QuestionKey& key, Time now);

  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    QuestionKey key;
    Answer answer;
    std::size_t bytes = 0;
  };
  using Entries = std::list<Entry>;  ///< most recently used first

  void erase(Entries::iterator entry);
  void forget_ended_pauses(Time now);
  void forget_old_questions(Time now);

  const AnswerBookLimits limits_;
  Entries entries_;
  std::map<QuestionKey, Entries::iterator> by_key_;
  std::size_t bytes_ = 0;
  /// For a whole token or repository if the more specific parts are empty.
  std::map<QuestionKey, Time> pauses_;
  std::map<QuestionKey, std::vector<Time>> default_branch_questions_;
};

}  // namespace receiver::webhook
