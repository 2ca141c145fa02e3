#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "bitbucket/event.h"
#include "bitbucket_rest/messages.h"
#include "bitbucket_rest/repository.h"
#include "test/differential/history.h"

/// A Bitbucket with the repository of a history: what it sends for a push, and what it answers.
/// Pure.
namespace receiver::test {

/// Differences between versions, settings and cases.
struct BitbucketTraits {
  std::size_t page_length = 5000;  ///< pages are never longer, whatever was requested
  bool ascii_json = false;         ///< other characters are `\u1234`
  bool forgets_commits = false;    ///< commits without a ref are unknown
  bool tells_default_branch = true;
  // Data Center
  std::size_t most_changes = 1000;    ///< limit of changes, on all pages together
  bool ends_at_most_changes = false;  ///< as if the list were complete
  bool tells_commits = true;          ///< in pushes
  bool knows_tag_objects = true;      ///< accepts the hash of an annotated tag as its commit's
  bool tells_path_text = true;        ///< `toString`
  bool has_default_branch_path = true;
};

struct Bitbucket {
  const History& history;  ///< its hashes are known
  bitbucket_rest::Repository repository;
  BitbucketTraits traits;

  [[nodiscard]] bool is_cloud() const { return repository.product == bitbucket::Source::kCloud; }
};

/// As in the subscriptions of Warehouses.
[[nodiscard]] std::string clone_url(const Bitbucket& bitbucket);

/// The body of `repo:push` or `repo:refs_changed` for the push with this number.
[[nodiscard]] std::string payload_of(const Bitbucket& bitbucket, std::size_t push);

/// The answer as documented by the vendors, after the push with this number. Undocumented methods,
/// paths and parameters, and duplicates, are rejected.
[[nodiscard]] bitbucket_rest::ApiAnswer answer_of(const Bitbucket& bitbucket,
                                                  const bitbucket_rest::ApiRequest& request,
                                                  std::size_t push);

// Formats of both products.

/// In quotes. Invalid UTF-8 is lost: each such byte is U+FFFD.
[[nodiscard]] std::string json_text(const Bitbucket& bitbucket, std::string_view bytes);
/// As in a list.
[[nodiscard]] std::string commit_document(const Bitbucket& bitbucket, std::size_t commit);
/// The numbers of the commits that lead to one of `from` and to none of `without`, newest first.
[[nodiscard]] std::vector<std::size_t> commits_between(const History& history,
                                                       const std::vector<std::size_t>& from,
                                                       const std::vector<std::size_t>& without);

}  // namespace receiver::test
