#pragma once

#include <string>
#include <utility>
#include <vector>

#include "test/support/cluster.h"

namespace receiver::test {

/// What a person would see who types receiverctl commands one after another, with what differs from
/// run to run replaced by texts that do not. Each command is asked as the administrator.
class Transcript {
 public:
  /// `names`: texts of this run and what stands for them.
  explicit Transcript(const Cluster& cluster,
                      std::vector<std::pair<std::string, std::string>> names);

  /// Runs the command and writes down command line, output and exit code. No secret may be in it.
  void run(std::vector<std::string> arguments);
  /// The values that must never be shown.
  void hide(std::string secret) { secrets_.push_back(std::move(secret)); }

  /// Compares with test/testdata/receiverctl/NAME. With UPDATE_GOLDEN in the environment it is
  /// written instead.
  void check(const std::string& name) const;

 private:
  [[nodiscard]] std::string neutral(std::string text) const;

  std::string kubeconfig_;
  std::vector<std::pair<std::string, std::string>> names_;
  std::vector<std::string> secrets_;
  std::string text_;
};

}  // namespace receiver::test
