#include "controllers/status_conflict.h"

namespace receiver::controllers {

bool StatusConflict::may_write(const std::string& value, clock::Steady::time_point now) {
  if (value != value_) {
    value_ = value;
    writes_.clear();
    held_ = false;
  }
  if (held_) return false;
  while (!writes_.empty() && now - writes_.front() > kWithin) writes_.pop_front();
  held_ = writes_.size() >= kWrites;
  return !held_;
}

void StatusConflict::written(clock::Steady::time_point now) {
  writes_.push_back(now);
}

}  // namespace receiver::controllers
