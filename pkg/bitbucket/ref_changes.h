#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bitbucket/event.h"
#include "json/reader.h"

/// The commits between which a push moved refs: enough to ask Bitbucket which files changed. Hashes
/// are 40 lower-case hex digits, or empty.
namespace receiver::bitbucket {

/// A commit and its first parent.
struct Commit {
  std::string hash;
  std::string first_parent;  ///< empty: no parent
  friend bool operator==(const Commit&, const Commit&) = default;
};

/// One change of a push. Data Center sends neither `forced` nor `truncated`.
struct RefChange {
  std::string ref;       ///< as in Push::refs
  std::string old_hash;  ///< empty: the ref is new, or its old commit is unknown
  std::string new_hash;  ///< empty: the ref was deleted, or its commit is unknown. For an annotated
                         ///< tag, Data Center sends the tag object's hash
  bool created = false;
  bool deleted = false;
  bool forced = false;
  bool truncated = false;  ///< the payload does not list all commits
  friend bool operator==(const RefChange&, const RefChange&) = default;
};

/// Further commits are ignored. The newest ones are listed first.
inline constexpr std::size_t kMaxCommits = 100;

struct RefChanges {
  std::vector<RefChange> changes;  ///< empty if Push::refs is empty: unknown which refs moved
  /// Commits of all changes together, because a hash has the same parents wherever it is listed.
  /// May contain duplicates.
  std::vector<Commit> commits;
};

/// Reads the body of a push a second time, for more than parse_payload() keeps.
[[nodiscard]] RefChanges parse_ref_changes(Source source, std::string_view body);

/// Whether the text is a commit's hash: 40 lower-case hex digits, not all zeros.
[[nodiscard]] bool is_commit_hash(std::string_view text);

/// Empty if the next value is not a commit's hash.
[[nodiscard]] std::string read_commit_hash(json::Reader& in);

/// Reads a commit of either product, from a payload or a REST API. Nothing if its hash or its
/// parents cannot be read.
[[nodiscard]] std::optional<Commit> read_commit(json::Reader& in, Source product);

/// Commits on the way from a ref's new commit back to its old one, along first parents.
struct FirstParentWalk {
  std::vector<Commit> commits;  ///< newest first, without the old commit
  bool reached = false;         ///< the last one's first parent is the old commit
};

/// Longer ways are not walked.
inline constexpr std::size_t kMaxSteps = 5;

/// Walks as far as `known` reaches, and at most kMaxSteps. Pure.
[[nodiscard]] FirstParentWalk walk_first_parents(std::span<const Commit> known,
                                                 std::string_view new_hash,
                                                 std::string_view old_hash);

}  // namespace receiver::bitbucket
