#include "kube/work_queue.h"

#include <algorithm>

namespace receiver::kube {

void WorkQueue::add(const ObjectKey& key, Time now) {
  if (!dirty_.try_emplace(key, now).second) return;
  ++adds_;
  if (!processing_.contains(key)) ready_.push_back(key);
}

void WorkQueue::add_at(const ObjectKey& key, Time due, Time now) {
  if (due <= now) {
    add(key, now);
    return;
  }
  const auto [entry, inserted] = due_.try_emplace(key, due);
  if (!inserted) {
    if (entry->second <= due) return;
    by_time_.erase({entry->second, key});
    entry->second = due;
  }
  by_time_.emplace(due, key);
}

std::chrono::milliseconds WorkQueue::retry(const ObjectKey& key, Time now,
                                           std::chrono::milliseconds longest,
                                           std::chrono::milliseconds at_least) {
  // 5 ms doubled 18 times is longer than the longest wait; counting further would overflow.
  constexpr int kEnough = 18;
  int& failures = failures_[key];
  const std::chrono::milliseconds doubled = kFirstRetry * (std::int64_t{1} << failures);
  const auto backoff = std::max(std::min({doubled, kLongestRetry, longest}), at_least);
  failures = std::min(failures + 1, kEnough);
  ++retries_;
  add_at(key, now + backoff, now);
  return backoff;
}

void WorkQueue::forget(const ObjectKey& key) {
  failures_.erase(key);
}

std::optional<WorkQueue::Taken> WorkQueue::take(Time now) {
  add_delayed_until(now);
  if (ready_.empty()) return std::nullopt;
  ObjectKey key = std::move(ready_.front());
  ready_.pop_front();
  const Time::duration waited = now - dirty_.extract(key).mapped();
  processing_.emplace(key, now);
  return Taken{std::move(key), waited};
}

void WorkQueue::done(const ObjectKey& key) {
  if (processing_.erase(key) != 0 && dirty_.contains(key)) ready_.push_back(key);
}

std::optional<WorkQueue::Time> WorkQueue::next_due() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first;
}

WorkQueue::Time::duration WorkQueue::oldest_age(Time now) const {
  Time oldest = now;
  for (const ObjectKey& key : ready_) oldest = std::min(oldest, dirty_.at(key));
  return now - oldest;
}

WorkQueue::Time::duration WorkQueue::unfinished_work(Time now) const {
  Time::duration sum{0};
  for (const auto& [key, since] : processing_) sum += now - since;
  return sum;
}

WorkQueue::Time::duration WorkQueue::longest_work(Time now) const {
  Time::duration longest{0};
  for (const auto& [key, since] : processing_) longest = std::max(longest, now - since);
  return longest;
}

void WorkQueue::add_delayed_until(Time now) {
  while (!by_time_.empty() && by_time_.begin()->first <= now) {
    const ObjectKey key = by_time_.extract(by_time_.begin()).value().second;
    due_.erase(key);
    add(key, now);
  }
}

}  // namespace receiver::kube
