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
  std::vector<std::string> paths;  ///< as Git quotes them
};

/// A repository on disk, made and read by the `git` command, without anybody's configuration.
class GitRepository {
 public:
  /// Makes every commit and tag of the history, and tells it their hashes.
  explicit GitRepository(History& history);

  /// What Kargo runs: first parents from a commit on, each with the paths of its own difference to
  /// its first parent, without detection of renames. `count`: no more than that, 0 is all.
  [[nodiscard]] std::vector<LoggedCommit> log(const std::string& commit, std::size_t count) const;

 private:
  [[nodiscard]] std::string git(std::vector<std::string> arguments,
                                const std::string& input = "/dev/null") const;

  TemporaryDirectory folder_;
};

}  // namespace receiver::test
