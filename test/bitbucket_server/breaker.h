#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace receiver::test {

/// How Data Center delivers to one webhook: after five failures in a row it skips deliveries for 10
/// s, and after each further failure for twice as long, up to 10 h. Nothing is resent. It keeps the
/// newest delivery of each outcome.
class Breaker {
 public:
  using Clock = std::chrono::system_clock;

  static constexpr unsigned kFailures = 5;
  static constexpr std::chrono::milliseconds kFirstSkip{10'000};
  static constexpr std::chrono::hours kLongestSkip{10};

  /// `send` returns the status; 0: there was no answer. Not called if the delivery is skipped.
  void deliver(const std::function<unsigned()>& send);
  /// As JSON, for `SUCCESS`, `FAILURE` (an answer other than 2xx) or `ERROR` (no answer, or
  /// skipped); nothing if there was none.
  [[nodiscard]] std::optional<std::string> latest(const std::string& outcome) const;
  [[nodiscard]] bool is_open() const { return Clock::now() < skips_until_; }

 private:
  void remember(const char* outcome, const std::string& description);

  unsigned failures_ = 0;  ///< in a row
  Clock::time_point skips_until_{};
  int last_id_ = 0;
  std::map<std::string, std::string> latest_;  ///< by outcome
};

}  // namespace receiver::test
