#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "bitbucket/event.h"
#include "bitbucket_rest/messages.h"
#include "bitbucket_rest/repository.h"
#include "test/differential/history.h"

/// A Bitbucket that has the repository of a history: what it sends at a push, and what it answers.
/// Pure.
namespace receiver::test {

/// Where versions, settings and luck differ.
struct BitbucketTraits {
  std::size_t page_length = 5000;  ///< no page is longer, whatever was asked for
  bool ascii_json = false;         ///< all else is `\u1234`
  bool forgets_commits = false;    ///< those that no ref leads to any more are unknown
  bool tells_default_branch = true;
  // Data Center
  std::size_t most_changes = 1000;    ///< no more of them are told, on all pages together
  bool ends_at_most_changes = false;  ///< as if these were all
  bool tells_commits = true;          ///< in pushes
  bool knows_tag_objects = true;      ///< takes the hash of an annotated tag for its commit's
  bool tells_path_text = true;        ///< `toString`
  bool has_default_branch_path = true;
};

struct Bitbucket {
  const History& history;  ///< its hashes are known
  bitbucket_rest::Repository repository;
  BitbucketTraits traits;

  [[nodiscard]] bool is_cloud() const { return repository.product == bitbucket::Source::kCloud; }
};

/// As Warehouses subscribe to it.
[[nodiscard]] std::string clone_url(const Bitbucket& bitbucket);

/// The body of the event `repo:push` or `repo:refs_changed` of the push of this number.
[[nodiscard]] std::string payload_of(const Bitbucket& bitbucket, std::size_t push);

/// As the vendors document it, after the push of this number. What the documents do not have is
/// refused: other methods, paths and parameters, and what is given twice.
[[nodiscard]] bitbucket_rest::ApiAnswer answer_of(const Bitbucket& bitbucket,
                                                  const bitbucket_rest::ApiRequest& request,
                                                  std::size_t push);

// What both of them write.

/// In quotes. Bytes that are no UTF-8 are lost: each is U+FFFD.
[[nodiscard]] std::string json_text(const Bitbucket& bitbucket, std::string_view bytes);
/// As it is listed.
[[nodiscard]] std::string commit_document(const Bitbucket& bitbucket, std::size_t commit);
/// The numbers of the commits that lead to one of `from` and to none of `without`, newest first.
[[nodiscard]] std::vector<std::size_t> commits_between(const History& history,
                                                       const std::vector<std::size_t>& from,
                                                       const std::vector<std::size_t>& without);

}  // namespace receiver::test
