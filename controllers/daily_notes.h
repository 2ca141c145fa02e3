#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "clock/clock.h"
#include "kube/event_series.h"

namespace receiver::controllers {

/// A lasting condition of an owner that an Event reports.
struct Note {
  kube::EventType type = kube::EventType::kWarning;
  std::string reason;
  std::string text;
  std::string cause{};  ///< identifies the condition; empty: the text does
};

/// Decides which lasting notes to report now: each at once, and then once a day. A note that stops
/// holding counts as new when it returns. One per owner; pure.
class DailyNotes {
 public:
  static constexpr std::chrono::hours kEvery{24};

  [[nodiscard]] std::vector<Note> due(std::vector<Note> holding, clock::Steady::time_point now);

 private:
  std::map<std::string, clock::Steady::time_point> said_;
};

}  // namespace receiver::controllers
