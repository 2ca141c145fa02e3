#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "bitbucket/ref_changes.h"
#include "bitbucket_rest/operation.h"
#include "bitbucket_rest/pages.h"

/// Questions about a repository's commits. A wrong answer could suppress a refresh, so an answer
/// that is cut off, contradicts itself or says nothing is an error: ApiFailure::kUnknown
/// (kUnexpected if it does not come from Bitbucket).
namespace receiver::bitbucket_rest {

/// Limit of an answer with all its pages: enough for 1,000 changes of ordinary files, and small
/// enough for many questions at the same time.
inline constexpr std::size_t kMaxAnswerBytes = 2UL * 1024 * 1024;

/// Both paths of every change between a commit and its first parent, without detection of renames,
/// as Kargo looks at commits. Each path once; never empty. Paths may be of any length, and hold
/// U+FFFD for bytes that were not UTF-8: git::PathFilter handles both.
class ChangedFiles final : public Question<std::vector<std::string>> {
 public:
  static constexpr unsigned kMaxRequests = 4;
  /// Data Center lists no more changes of a commit, and does not always say that there are more.
  static constexpr std::size_t kMaxChanges = 1000;

  /// Other questions for the same push reduce the number of requests that are left.
  ChangedFiles(Repository repository, const bitbucket::Commit& commit,
               unsigned max_requests = kMaxRequests);

 private:
  void read(const ApiRequest& asked, const std::string& body) override;

  std::set<std::string> paths_;
  std::size_t changes_ = 0;
};

/// The commits that a push added to a branch: from `new_hash` back to `old_hash` by first
/// parents, newest first, without the old one. More than bitbucket::kMaxSteps, or a way that does
/// not lead to the old commit, are unknown. Without an `old_hash` the new commit alone, which may
/// be named by an annotated tag's hash.
class FirstParents final : public Question<std::vector<bitbucket::Commit>> {
 public:
  /// For a merge, Bitbucket lists all merged commits before the first parent.
  static constexpr unsigned kMaxRequests = 2;

  FirstParents(Repository repository, std::string new_hash, std::string old_hash,
               unsigned max_requests = kMaxRequests);

 private:
  void read(const ApiRequest& asked, const std::string& body) override;

  std::string new_hash_;
  std::string old_hash_;
  std::vector<bitbucket::Commit> known_;
};

/// The full name of the branch that a clone checks out, `refs/heads/main`.
class DefaultBranch final : public Question<std::string> {
 public:
  static constexpr unsigned kMaxRequests = 2;

  explicit DefaultBranch(Repository repository, unsigned max_requests = kMaxRequests);

 private:
  void read(const ApiRequest& asked, const std::string& body) override;
  void failed(BitbucketError error) override;

  bool asked_elsewhere_ = false;
};

}  // namespace receiver::bitbucket_rest
