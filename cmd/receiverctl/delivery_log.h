#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "clock/clock.h"

/// Reads deliveries from the operator's log. Pure.
namespace receiver::ctl {

/// Longer lines are not deliveries: the operator limits what it logs.
inline constexpr std::size_t kMaxLogLineBytes = 64UL * 1024;

/// Splits a stream into lines. Lines longer than kMaxLogLineBytes are skipped.
class LineCutter {
 public:
  using OnLine = std::function<void(std::string_view line)>;
  explicit LineCutter(OnLine on_line) : on_line_(std::move(on_line)) {}

  void feed(std::string_view piece);
  /// The end of the stream: the rest is a line too.
  void end();

 private:
  void take(std::string_view part);
  void end_line();

  OnLine on_line_;
  std::string line_;
  bool too_long_ = false;
};

/// When a line of the operator's log was written, in either format.
[[nodiscard]] std::optional<clock::Wall::time_point> time_of_log_line(std::string_view line);

/// One delivery, as a line of the log describes it.
struct LoggedDelivery {
  std::string time{};  ///< RFC 3339 in UTC, in milliseconds
  std::string pod{};
  std::string id{};
  std::string event{};
  /// The receiver whose key signs it, or whose path it came to; `*` means the ClusterConfig.
  /// Receivers that share a path are joined by commas, in the same order in both.
  std::string project{};
  std::string receiver{};
  std::string url{};  ///< of the repository or pull request
  /// A name of webhook::Outcome; `refused` if the body did not arrive.
  std::string outcome{};
  std::int64_t applied = 0;  ///< objects refreshed
  std::int64_t queued = 0;
  std::int64_t refused = 0;  ///< by the API server
  std::int64_t spared = 0;
  std::optional<std::int64_t> milliseconds{};
  std::string message{};     ///< the log's, if the sender has not proved that it has the secret
  std::int64_t similar = 0;  ///< lines of the same kind that the log has left out before this one
};

/// Reads a line in either format, JSON or CONSOLE. Nothing if it is not about a delivery.
[[nodiscard]] std::optional<LoggedDelivery> read_log_line(std::string_view line);

/// The outcome and its reason, in words.
[[nodiscard]] std::string result_of(const LoggedDelivery& delivery);

/// Empty: any.
struct DeliveryFilter {
  std::string project;  ///< `*`: the ClusterConfig's
  std::string receiver;
  std::string id;
};
[[nodiscard]] bool is_wanted(const LoggedDelivery& delivery, const DeliveryFilter& filter);

/// Keeps the newest of any number of deliveries.
class NewestDeliveries {
 public:
  explicit NewestDeliveries(std::size_t most) : most_(most) {}
  void add(LoggedDelivery delivery);
  [[nodiscard]] std::size_t added() const { return added_; }
  /// Sorted by time. Call it once, at the end.
  [[nodiscard]] std::vector<LoggedDelivery> take();

 private:
  void drop_older();

  std::size_t most_;
  std::size_t added_ = 0;
  std::vector<LoggedDelivery> kept_;
};

}  // namespace receiver::ctl
