#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <fmt/format.h>

#include "async/sleeper.h"
#include "bitbucket_rest/operation.h"
#include "clock/timer.h"
#include "test/support/commits.h"

namespace receiver::webhook {

namespace rest = bitbucket_rest;
using test::hash_of;

inline rest::ApiAnswer says(unsigned status, std::string body = {}) {
  return {.status = status, .body = std::move(body), .retry_after = {}, .location = {}};
}

/// Replaces Bitbucket Cloud, on the test's own thread.
struct FakeBitbucket {
  /// By a part of the request's URL; the first match is answered. Else 404.
  std::vector<std::pair<std::string, rest::ApiAnswer>> answers;
  std::chrono::milliseconds takes{100};
  std::vector<std::string> asked;  ///< URLs
  std::size_t at_once = 0, most_at_once = 0;
  std::function<void()> answering = [] {};

  boost::asio::awaitable<void> ask(boost::asio::any_io_executor executor,
                                   rest::Operation& operation, clock::Steady::time_point deadline) {
    clock::Timer timer(executor);
    most_at_once = std::max(most_at_once, ++at_once);
    while (operation.next() != nullptr) {
      const std::string url = operation.next()->url;
      asked.push_back(url);
      const auto answered_at = clock::Steady::now() + takes;
      co_await async::sleep_until(timer, std::min(answered_at, deadline));
      if (answered_at > deadline) {
        operation.take(tl::unexpected(
            rest::BitbucketError{.kind = rest::ApiFailure::kTimeout, .message = "too late"}));
        continue;
      }
      answering();
      const auto answer = std::ranges::find_if(
          answers, [&](const auto& one) { return url.find(one.first) != std::string::npos; });
      operation.take(answer == answers.end() ? says(404) : answer->second);
    }
    --at_once;
  }

  void has_files(int of_commit, const std::string& path) {
    answers.emplace_back("diffstat/" + hash_of(of_commit),
                         says(200, R"({"values":[{"status":"modified","old":{"path":")" + path +
                                       R"("},"new":{"path":")" + path + R"("}}]})"));
  }
  void has_default_branch(const std::string& name) {
    answers.emplace_back("repositories/orchard/fruit",
                         says(200, R"({"mainbranch":{"name":")" + name + R"("}})"));
  }
  /// From the newest to the oldest.
  void has_commits(int newest, int count) {
    std::string values;
    for (int number = newest; number > newest - count; --number) {
      values += fmt::format(R"({}{{"hash":"{}","parents":[{{"hash":"{}"}}]}})",
                            values.empty() ? "" : ",", hash_of(number), hash_of(number - 1));
    }
    answers.emplace_back("include=" + hash_of(newest), says(200, R"({"values":[)" + values + "]}"));
  }
  [[nodiscard]] std::ptrdiff_t asked_for(const std::string& part) const {
    return std::ranges::count_if(
        asked, [&](const std::string& url) { return url.find(part) != std::string::npos; });
  }
};

}  // namespace receiver::webhook
