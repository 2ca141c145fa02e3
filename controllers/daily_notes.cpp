#include "controllers/daily_notes.h"

#include <utility>

namespace receiver::controllers {

std::vector<Note> DailyNotes::due(std::vector<Note> holding, clock::Steady::time_point now) {
  std::map<std::string, clock::Steady::time_point> said;
  std::vector<Note> due;
  for (Note& note : holding) {
    std::string key = note.reason + ' ' + (note.cause.empty() ? note.text : note.cause);
    const auto before = said_.find(key);
    const bool again = before == said_.end() || now - before->second >= kEvery;
    said.emplace(std::move(key), again ? now : before->second);
    if (again) due.push_back(std::move(note));
  }
  said_ = std::move(said);
  return due;
}

}  // namespace receiver::controllers
