#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "test/differential/history.h"
#include "test/support/temporary_directory.h"

namespace receiver::test {

/// A commit as `git log` shows it.
struct LoggedCommit {
  std::string hash;
  std::vector<std::string> paths;  ///< in Git's quoting
};

/// A repository on disk, created and read with the `git` command, without user configuration.
class GitRepository {
 public:
  /// Creates every commit and tag of the history, and stores their hashes in it.
  explicit GitRepository(History& history);

  /// What Kargo runs: first parents from a commit on, each with the paths of its difference to its
  /// first parent, without rename detection. `count` is the limit; 0: all.
  [[nodiscard]] std::vector<LoggedCommit> log(const std::string& commit, std::size_t count) const;

 private:
  [[nodiscard]] std::string git(std::vector<std::string> arguments,
                                const std::string& input = "/dev/null") const;

  TemporaryDirectory folder_;
};

}  // namespace receiver::test
