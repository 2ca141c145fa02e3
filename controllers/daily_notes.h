#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "clock/clock.h"
#include "kube/event_series.h"

namespace receiver::controllers {

/// What there is to say about an owner, for as long as it holds: an Event.
struct Note {
  kube::EventType type = kube::EventType::kWarning;
  std::string reason;
  std::string text;
  std::string cause{};  ///< what makes it the same as another one; empty: the text
};

/// Of the notes that hold, those which are to be said now: each at once, and then once a day. One
/// that ceases to hold is new when it comes back. One per owner; pure.
class DailyNotes {
 public:
  static constexpr std::chrono::hours kEvery{24};

  [[nodiscard]] std::vector<Note> due(std::vector<Note> holding, clock::Steady::time_point now);

 private:
  std::map<std::string, clock::Steady::time_point> said_;
};

}  // namespace receiver::controllers
