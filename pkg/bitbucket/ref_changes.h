#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bitbucket/event.h"
#include "json/reader.h"

/// What a push says of the commits that it moved refs between: enough to ask Bitbucket which files
/// changed. Hashes are 40 lower-case hex digits, or empty.
namespace receiver::bitbucket {

/// A commit, and whose successor it is on its branch.
struct Commit {
  std::string hash;
  std::string first_parent;  ///< empty: it has none
  friend bool operator==(const Commit&, const Commit&) = default;
};

/// A change of a push. Data Center tells neither `forced` nor `truncated`.
struct RefChange {
  std::string ref;       ///< as Push::refs has it
  std::string old_hash;  ///< empty: the ref is new, or not told
  std::string new_hash;  ///< empty: the ref is gone, or not told; of an annotated tag, Data Center
                         ///< tells the tag's own
  bool created = false;
  bool deleted = false;
  bool forced = false;
  bool truncated = false;  ///< the payload does not list all commits
  friend bool operator==(const RefChange&, const RefChange&) = default;
};

/// More commits than this are left out: the newest ones are listed first.
inline constexpr std::size_t kMaxCommits = 100;

struct RefChanges {
  std::vector<RefChange> changes;  ///< empty whenever Push::refs is: which refs moved is not known
  /// Of all changes together, since a hash has the same parents wherever it is listed; may be
  /// listed twice.
  std::vector<Commit> commits;
};

/// Reads the body of a push once more, beyond what parse_payload() keeps for everybody.
[[nodiscard]] RefChanges parse_ref_changes(Source source, std::string_view body);

/// Whether the text is a commit's hash: 40 lower-case hex digits, not all of them zeros.
[[nodiscard]] bool is_commit_hash(std::string_view text);

/// Empty if the value that comes next is none.
[[nodiscard]] std::string read_commit_hash(json::Reader& in);

/// Of an object of either product's; of payloads and of their REST APIs. Nothing if its hash, or
/// whose successor it is, cannot be read.
[[nodiscard]] std::optional<Commit> read_commit(json::Reader& in, Source product);

/// Commits on the way from a ref's new commit back to its old one, by first parents.
struct FirstParentWalk {
  std::vector<Commit> commits;  ///< newest first; the old one is not among them
  bool reached = false;         ///< the last one's first parent is the old commit
};

/// A longer way is not walked.
inline constexpr std::size_t kMaxSteps = 5;

/// As far as `known` tells, and at most kMaxSteps. Pure.
[[nodiscard]] FirstParentWalk walk_first_parents(std::span<const Commit> known,
                                                 std::string_view new_hash,
                                                 std::string_view old_hash);

}  // namespace receiver::bitbucket
