#pragma once

#include <string>
#include <utility>

#include <fmt/format.h>

#include "test/support/delivery.h"

/// Pushes whose changed files can be asked for: of one commit on top of another one.
namespace receiver::test {

/// Hash of the n-th commit, from 0 on, and of those before it.
inline std::string hash_of(int number) {
  return fmt::format("{:040x}", number + 16);
}

inline Delivery data_center_commit(const std::string& repository, int number) {
  return {
      "repo:refs_changed",
      fmt::format(
          R"({{"repository":{{"links":{{"clone":[{{"name":"http","href":"{}"}}]}}}},"changes":)"
          R"([{{"ref":{{"id":"refs/heads/main"}},"type":"UPDATE","fromHash":"{}","toHash":"{}"}}],)"
          R"("commits":[{{"id":"{}","parents":[{{"id":"{}"}}]}}]}})",
          repository, hash_of(number - 1), hash_of(number), hash_of(number), hash_of(number - 1))};
}

inline Delivery cloud_commit(const std::string& repository, int number,
                             const std::string& branch = "main") {
  const auto end = [&](int at) {
    return fmt::format(
        R"({{"type":"branch","name":"{}","target":{{"hash":"{}","parents":[{{"hash":"{}"}}]}}}})",
        branch, hash_of(at), hash_of(at - 1));
  };
  return {
      "repo:push",
      fmt::format(
          R"({{"repository":{{"links":{{"html":{{"href":"{}"}}}}}},"push":{{"changes":[{{"new":{},)"
          R"("old":{},"commits":[{{"hash":"{}","parents":[{{"hash":"{}"}}]}}]}}]}}}})",
          repository, end(number), end(number - 1), hash_of(number), hash_of(number - 1))};
}

/// The answer of a receiver of kSecret to the signed push.
inline std::string push_to(const std::string& url, Delivery commit) {
  return text_of(post(url, sign(std::move(commit), kSecret)));
}

/// Members of a subscription to `main` that includes only one folder.
inline std::string only(const std::string& folder) {
  return R"("branch": "main", "includePaths": [")" + folder + R"("])";
}

}  // namespace receiver::test
