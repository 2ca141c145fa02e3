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

/// The logs of the operator's pods, by the API server.
namespace receiver::ctl {

/// Whose logs, and from when on.
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
/// Of a list of pods: each with the operator's container, or its only one. Pure.
[[nodiscard]] std::vector<LoggingPod> pods_of(std::string_view json);

/// The path and query of a pod's log. `from` wins over `since`.
[[nodiscard]] std::string log_target(const LogSource& source, const LoggingPod& pod, bool follow,
                                     std::optional<clock::Wall::time_point> from = std::nullopt);

/// A line, and the name of the pod.
using OnLogLine = std::function<void(const std::string& pod, std::string_view line)>;

/// Reads all of them, one after another. How many pods there are; one that is gone meanwhile, or
/// has not started, is passed over.
[[nodiscard]] Result<std::size_t> read_logs(Cluster& cluster, const LogSource& source,
                                            const OnLogLine& on_line);

/// So often it is looked for new pods.
inline constexpr std::chrono::seconds kLookForPods{2};

/// Follows all of them at once, and new ones from their beginning, until `on_line` says false, or
/// the logs may not be read; what the API server cannot do for now is told by `on_trouble`, and
/// tried again. A line is told once, also if its log is opened again.
[[nodiscard]] Result<void> follow_logs(
    Cluster& cluster, const LogSource& source,
    std::function<bool(const std::string& pod, std::string_view line)> on_line,
    std::function<void(const std::string& why)> on_trouble);

/// Leaves out what was told before: of a log that is opened again from the second of its last line.
class Repetition {
 public:
  /// When the log is opened (again).
  void begin() { resuming_ = true; }
  /// Whether the line, of that time, was told already. Lines come in order.
  [[nodiscard]] bool is_repeated(clock::Wall::time_point time, std::string_view line);
  /// Of the last line; nothing: there was none.
  [[nodiscard]] std::optional<clock::Wall::time_point> last() const { return last_; }

 private:
  bool resuming_ = false;
  std::optional<clock::Wall::time_point> last_;
  std::vector<std::string> at_last_;  ///< the lines of that moment
};

}  // namespace receiver::ctl
