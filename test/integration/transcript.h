#pragma once

#include <string>
#include <utility>
#include <vector>

#include "test/support/cluster.h"

namespace receiver::test {

/// Output of receiverctl commands as a person would see it, with texts that differ between runs
/// replaced. Each command runs as administrator.
class Transcript {
 public:
  /// `names` maps texts of this run to their replacements.
  explicit Transcript(const Cluster& cluster,
                      std::vector<std::pair<std::string, std::string>> names);

  /// Runs the command and records command line, output and exit code. Fails if the output contains
  /// a secret.
  void run(std::vector<std::string> arguments);
  /// Values that must never be shown.
  void hide(std::string secret) { secrets_.push_back(std::move(secret)); }

  /// Compares with test/testdata/receiverctl/NAME. With UPDATE_GOLDEN in the environment it writes
  /// the file instead.
  void check(const std::string& name) const;

 private:
  [[nodiscard]] std::string neutral(std::string text) const;

  std::string kubeconfig_;
  std::vector<std::pair<std::string, std::string>> names_;
  std::vector<std::string> secrets_;
  std::string text_;
};

}  // namespace receiver::test
