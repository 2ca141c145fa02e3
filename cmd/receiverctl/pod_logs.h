#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "clock/clock.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/context.h"

/// The logs of the operator's pods, through the API server.
namespace receiver::ctl {

/// Which logs to read, and from which time.
struct LogSource {
  std::string ns;
  std::string selector;  ///< of the pods' labels
  std::optional<std::chrono::seconds> since;
};

struct LoggingPod {
  std::string name;
  std::string uid;
  std::string container;
  bool has_started = false;  ///< before, there is no log

  friend bool operator==(const LoggingPod&, const LoggingPod&) = default;
};
/// Reads a list of pods, each with the operator's container. Pure.
[[nodiscard]] std::vector<LoggingPod> pods_of(std::string_view json);

/// The path and query of a pod's log. `from` wins over `since`.
[[nodiscard]] std::string log_target(const LogSource& source, const LoggingPod& pod, bool follow,
                                     std::optional<clock::Wall::time_point> from = std::nullopt);

/// A line, and the name of the pod.
using OnLogLine = std::function<void(const std::string& pod, std::string_view line)>;

/// Reads all logs, one after another. Returns the number of pods. Pods that are gone or have not
/// started are skipped.
[[nodiscard]] Result<std::size_t> read_logs(Cluster& cluster, const LogSource& source,
                                            const OnLogLine& on_line);

/// Follows all pods at the same time, and new ones from their beginning, until `on_line` returns
/// false or the logs may not be read. New pods are searched for at the interval `look_again`.
/// Transient errors of the API server go to `on_trouble` and are retried. Each line is reported
/// once, even if its log is opened again.
[[nodiscard]] Result<void> follow_logs(
    Cluster& cluster, const LogSource& source, std::chrono::milliseconds look_again,
    std::function<bool(const std::string& pod, std::string_view line)> on_line,
    std::function<void(const std::string& why)> on_trouble);

/// Skips lines that were reported before, in a log that is opened again from the second of its last
/// line.
class Repetition {
 public:
  /// Call it when the log is opened (again).
  void begin() { resuming_ = true; }
  /// Whether the line with that time was already reported. Lines come in order.
  [[nodiscard]] bool is_repeated(clock::Wall::time_point time, std::string_view line);
  /// Time of the last line; nothing if there was none.
  [[nodiscard]] std::optional<clock::Wall::time_point> last() const { return last_; }

 private:
  bool resuming_ = false;
  std::optional<clock::Wall::time_point> last_;
  std::vector<std::string> at_last_;  ///< the lines with the last time
};

}  // namespace receiver::ctl
