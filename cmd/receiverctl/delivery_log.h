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

/// What the operator's log says of deliveries. Pure.
namespace receiver::ctl {

/// A longer line is none of these: the operator bounds what it logs.
inline constexpr std::size_t kMaxLogLineBytes = 64UL * 1024;

/// Cuts what arrives piece by piece into lines. Longer ones than kMaxLogLineBytes are passed over.
class LineCutter {
 public:
  using OnLine = std::function<void(std::string_view line)>;
  explicit LineCutter(OnLine on_line) : on_line_(std::move(on_line)) {}

  void feed(std::string_view piece);
  /// No more comes: what is left is a line, too.
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

/// One delivery, as a line of the log tells of it.
struct LoggedDelivery {
  std::string time{};  ///< RFC 3339 in UTC, in milliseconds
  std::string pod{};
  std::string id{};
  std::string event{};
  /// Whose key it is signed with, or whose path it came to; `*` stands for the ClusterConfig.
  /// Receivers that share a path are joined by commas, in the same order in both.
  std::string project{};
  std::string receiver{};
  std::string url{};  ///< of the repository or pull request
  /// As webhook::outcome_name() has it; `refused` before its sender was known to hold the secret.
  std::string outcome{};
  std::int64_t applied = 0;  ///< objects refreshed
  std::int64_t queued = 0;
  std::int64_t refused = 0;  ///< by the API server
  std::int64_t spared = 0;
  std::optional<std::int64_t> milliseconds{};
  std::string message{};     ///< the log's own words about a delivery that was not taken
  std::int64_t similar = 0;  ///< lines of the same kind that the log has left out before this one
};

/// Of a line in either format, JSON or CONSOLE. Nothing: it is about something else.
[[nodiscard]] std::optional<LoggedDelivery> read_log_line(std::string_view line);

/// What became of it, and why, in words.
[[nodiscard]] std::string result_of(const LoggedDelivery& delivery);

/// Empty: any.
struct DeliveryFilter {
  std::string project;  ///< `*`: the ClusterConfig's
  std::string receiver;
  std::string id;
};
[[nodiscard]] bool is_wanted(const LoggedDelivery& delivery, const DeliveryFilter& filter);

/// The newest ones, of any number that is added.
class NewestDeliveries {
 public:
  explicit NewestDeliveries(std::size_t most) : most_(most) {}
  void add(LoggedDelivery delivery);
  [[nodiscard]] std::size_t added() const { return added_; }
  /// By time; once, last.
  [[nodiscard]] std::vector<LoggedDelivery> take();

 private:
  void drop_older();

  std::size_t most_;
  std::size_t added_ = 0;
  std::vector<LoggedDelivery> kept_;
};

}  // namespace receiver::ctl
