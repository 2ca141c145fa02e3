#include "webhook/answer_book.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace receiver::webhook {
namespace {

using bitbucket_rest::ApiFailure;

/// Overhead of a container and the allocator for each node.
constexpr std::size_t kBytesOfNode = 128;
/// Maximum overhead of a text: the final zero, the allocator's data and its rounding.
constexpr std::size_t kBytesOfAllocation = 24;

std::size_t bytes_of(const std::string& text) {
  return sizeof(std::string) + text.capacity() + kBytesOfAllocation;
}

std::size_t bytes_of(const QuestionKey& key) {
  return bytes_of(key.token) + bytes_of(key.repository) + bytes_of(key.commit);
}

std::size_t bytes_of(const AnswerBook::Answer& answer) {
  std::size_t bytes = 0;
  if (const auto* paths = std::get_if<Paths>(&answer)) {
    for (const std::string& path : **paths) bytes += bytes_of(path);
  } else if (const auto* steps = std::get_if<AnswerBook::Steps>(&answer)) {
    for (const bitbucket::Commit& commit : *steps) {
      bytes += bytes_of(commit.hash) + bytes_of(commit.first_parent);
    }
  }
  return bytes;
}

/// Which part of a question to pause after such an answer; nothing if it may be repeated.
std::optional<QuestionKey> to_pause(const QuestionKey& key, ApiFailure failure) {
  switch (failure) {
    case ApiFailure::kUnauthorized:
    case ApiFailure::kRateLimited:
      return QuestionKey{key.token, "", ""};
    case ApiFailure::kForbidden:
      return QuestionKey{key.token, key.repository, ""};
    case ApiFailure::kNotFound:
      // A missing default branch says nothing about the repository's commits.
      if (key.commit.empty()) return std::nullopt;
      return key;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<AnswerBook::Answer> AnswerBook::find(const QuestionKey& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->answer;
}

void AnswerBook::keep(const QuestionKey& key, Answer answer) {
  if (const auto known = by_key_.find(key); known != by_key_.end()) erase(known->second);
  // The key is stored twice: in the list and in the map.
  const std::size_t bytes = bytes_of(answer) + 2 * bytes_of(key) + 2 * kBytesOfNode;
  if (bytes > limits_.bytes_of_answer) return;
  while (!entries_.empty() && bytes_ + bytes > limits_.bytes) erase(std::prev(entries_.end()));
  if (bytes_ + bytes > limits_.bytes) return;
  entries_.push_front({key, std::move(answer), bytes});
  by_key_.emplace(key, entries_.begin());
  bytes_ += bytes;
}

void AnswerBook::erase(Entries::iterator entry) {
  bytes_ -= entry->bytes;
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

void AnswerBook::failed(const QuestionKey& key, const bitbucket_rest::BitbucketError& error,
                        Time now) {
  const auto paused = to_pause(key, error.kind);
  if (!paused) return;
  const std::chrono::seconds asked_for = error.retry_after.value_or(kPause);
  const auto pause =
      std::clamp<std::chrono::seconds>(asked_for, std::chrono::seconds(0), kLongestPause);
  if (pauses_.size() >= limits_.pauses) forget_ended_pauses(now);
  if (pauses_.size() >= limits_.pauses && !pauses_.contains(*paused)) return;
  Time& until = pauses_[*paused];
  until = std::max(until, now + pause);
}

bool AnswerBook::paused(const QuestionKey& key, Time now) const {
  const auto holds = [&](const QuestionKey& part) {
    const auto found = pauses_.find(part);
    return found != pauses_.end() && now < found->second;
  };
  return holds({key.token, "", ""}) || holds({key.token, key.repository, ""}) || holds(key);
}

bool AnswerBook::take_default_branch_question(const QuestionKey& key, Time now) {
  if (default_branch_questions_.size() >= limits_.repositories) forget_old_questions(now);
  if (default_branch_questions_.size() >= limits_.repositories &&
      !default_branch_questions_.contains(key)) {
    return false;
  }
  std::vector<Time>& asked = default_branch_questions_[key];
  std::erase_if(asked, [now](Time time) { return now - time >= kDefaultBranchWindow; });
  if (asked.size() >= limits_.default_branches) return false;
  asked.push_back(now);
  return true;
}

void AnswerBook::forget_ended_pauses(Time now) {
  std::erase_if(pauses_, [now](const auto& pause) { return pause.second <= now; });
}

void AnswerBook::forget_old_questions(Time now) {
  std::erase_if(default_branch_questions_, [now](const auto& of_repository) {
    return of_repository.second.empty() ||
           now - of_repository.second.back() >= kDefaultBranchWindow;
  });
}

}  // namespace receiver::webhook
