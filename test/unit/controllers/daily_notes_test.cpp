#include "controllers/daily_notes.h"

#include <catch2/catch.hpp>

namespace receiver::controllers {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const Note kPrevious{kube::EventType::kNormal, "PreviousSecretActive", "remove it"};
const Note kWeak{kube::EventType::kWarning, "WeakSecret", "too short"};

std::vector<std::string> reasons(const std::vector<Note>& notes) {
  std::vector<std::string> result;
  for (const Note& note : notes) result.push_back(note.reason);
  return result;
}

using Reasons = std::vector<std::string>;

}  // namespace

TEST_CASE("what holds is said at once and then once a day") {
  DailyNotes notes;
  clock::Steady::time_point now{};
  CHECK(reasons(notes.due({kPrevious}, now)) == Reasons{"PreviousSecretActive"});
  for (int round = 1; round < 24 * 12; ++round) {
    now += minutes(5);
    CHECK(notes.due({kPrevious}, now).empty());
  }
  CHECK(reasons(notes.due({kPrevious}, now + minutes(5))) == Reasons{"PreviousSecretActive"});
  CHECK(notes.due({kPrevious}, now + minutes(10)).empty());
}

TEST_CASE("each note has its own day, and what has changed is another note") {
  DailyNotes notes;
  clock::Steady::time_point now{};
  CHECK(notes.due({kPrevious}, now).size() == 1);
  CHECK(reasons(notes.due({kPrevious, kWeak}, now + hours(12))) == Reasons{"WeakSecret"});
  CHECK(reasons(notes.due({kPrevious, kWeak}, now + hours(24))) == Reasons{"PreviousSecretActive"});
  CHECK(notes.due({{kWeak.type, kWeak.reason, "shorter still"}}, now + hours(25)).size() == 1);
}

TEST_CASE("what comes back is said again") {
  DailyNotes notes;
  const clock::Steady::time_point now{};
  CHECK(notes.due({kWeak}, now).size() == 1);
  CHECK(notes.due({}, now + minutes(1)).empty());
  CHECK(notes.due({kWeak}, now + minutes(2)).size() == 1);
}

}  // namespace receiver::controllers
