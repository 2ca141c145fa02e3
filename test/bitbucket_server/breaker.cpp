#include "test/bitbucket_server/breaker.h"

#include <algorithm>

#include <fmt/format.h>

namespace receiver::test {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

}  // namespace

void Breaker::deliver(const std::function<unsigned()>& send) {
  if (is_open()) {
    const auto left = duration_cast<milliseconds>(skips_until_ - Clock::now());
    remember("ERROR",
             fmt::format("com.atlassian.webhooks.DispatchFailedException: Webhook failed too many "
                         "times. Skipping this webhook for the next {}ms",
                         left.count()));
    return;
  }
  const unsigned status = send();
  if (status / 100 == 2) {
    failures_ = 0;
    remember("SUCCESS", std::to_string(status));
    return;
  }
  ++failures_;
  remember(status == 0 ? "ERROR" : "FAILURE",
           status == 0 ? "Connection refused" : std::to_string(status));
  if (failures_ < kFailures) return;
  const unsigned doublings = std::min(failures_ - kFailures, 20U);
  skips_until_ =
      Clock::now() + std::min<milliseconds>(kFirstSkip * (1U << doublings), kLongestSkip);
}

void Breaker::remember(const char* outcome, const std::string& description) {
  const auto now = duration_cast<milliseconds>(Clock::now().time_since_epoch()).count();
  latest_[outcome] = fmt::format(
      R"({{"id": {}, "event": "repo:refs_changed", "duration": 1, "start": {}, "finish": {},
          "request": {{"method": "POST"}}, "result": {{"outcome": "{}", "description": "{}"}}}})",
      ++last_id_, now - 1, now, outcome, description);
}

std::optional<std::string> Breaker::latest(const std::string& outcome) const {
  const auto found = latest_.find(outcome);
  return found == latest_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace receiver::test
