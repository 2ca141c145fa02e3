#include "kube/event_series.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "json/json.h"
#include "kube/resource.h"
#include "text/unicode.h"

namespace receiver::kube {
namespace {

using json::quote;
using text::cut;

// Limits of the API server's validation.
constexpr std::size_t kMaxFieldBytes = 128;
constexpr std::size_t kMaxNoteBytes = 1024;
constexpr std::int64_t kMaxCount = std::numeric_limits<std::int32_t>::max();

std::string cut_note(std::string_view note) {
  constexpr std::string_view kMore = "\u2026";
  if (note.size() <= kMaxNoteBytes) return std::string(note);
  return std::string(cut(note, kMaxNoteBytes - kMore.size())).append(kMore);
}

std::string series(std::int64_t count, clock::Wall::time_point last) {
  return fmt::format(R"({{"count":{},"lastObservedTime":{}}})", std::min(count, kMaxCount),
                     quote(clock::format_micros(last)));
}

}  // namespace

EventSeries::EventSeries(Options options) : options_(std::move(options)) {
  if (options_.instance.empty()) {
    options_.instance = options_.controller;  // an empty one is rejected
  }
}

bool EventSeries::observe(Occurrence occurrence, clock::Wall::time_point now, Time steady) {
  occurrence.note = cut_note(occurrence.note);
  if (occurrence.action.empty()) occurrence.action = occurrence.reason;
  std::string version = std::exchange(occurrence.regarding.resource_version, {});
  if (const auto known = events_.find(occurrence); known != events_.end()) {
    Event& event = known->second;
    ++event.count;
    event.last = now;
    event.last_seen = steady;
    if (event.written == 1 && !event.busy) wait(known);  // the second occurrence makes it a series
    return true;
  }
  const Room room = make_room_in_queue(occurrence.regarding);
  if (!room.found || !make_room()) return false;
  Event event{.name = new_name(occurrence.regarding.key.name, now),
              .resource_version = std::move(version),
              .first = now,
              .last = now,
              .last_seen = steady,
              .last_written = steady};
  wait(events_.emplace(std::move(occurrence), std::move(event)).first);
  return !room.dropped;
}

std::optional<EventSeries::Write> EventSeries::next() {
  if (waiting_.empty() || writing_) return std::nullopt;
  auto turn = waiting_.upper_bound(served_last_);
  if (turn == waiting_.end()) turn = waiting_.begin();
  served_last_ = turn->first;
  writing_ = turn->second.front();
  turn->second.pop_front();
  if (turn->second.empty()) waiting_.erase(turn);
  --waiting_count_;
  const auto& [occurrence, event] = **writing_;
  writing_count_ = event.count;
  const bool create = event.written == 0;
  return Write{.method = create ? Write::Method::kCreate : Write::Method::kPatch,
               .ns = namespace_of(occurrence.regarding),
               .name = event.name,
               .body = create ? create_body(occurrence, event)
                              : fmt::format(R"({{"series":{}}})", series(event.count, event.last))};
}

void EventSeries::settle(Result result, Time steady) {
  if (!writing_) return;
  const auto written = *std::exchange(writing_, std::nullopt);
  Event& event = written->second;
  event.busy = false;
  switch (result) {
    case Result::kDone:
      event.written = writing_count_;
      event.last_written = steady;
      if (event.written == 1 && event.count > 1) wait(written);
      break;
    case Result::kGone:
      event.written = 0;
      event.name = new_name(written->first.regarding.key.name, event.last);
      event.first = event.last;
      wait(written);
      break;
    case Result::kFailed:
      if (event.count == writing_count_) {
        events_.erase(written);
        break;
      }
      // It has happened again meanwhile: report that as a first occurrence.
      event.count = 1;
      event.written = 0;
      event.name = new_name(written->first.regarding.key.name, event.last);
      event.first = event.last;
      wait(written);
      break;
  }
}

void EventSeries::clear() {
  waiting_.clear();
  waiting_count_ = 0;
  std::erase_if(events_, [this](const auto& event) {
    return !writing_ || (*writing_)->first != event.first;
  });
  if (writing_) (*writing_)->second.count = writing_count_;
}

void EventSeries::advance(Time steady) {
  for (auto event = events_.begin(); event != events_.end();) {
    const auto current = event++;
    const Event& state = current->second;
    if (state.busy || due(state) > steady) continue;
    if (state.count > state.written) {
      wait(current);
    } else {
      events_.erase(current);
    }
  }
}

std::optional<EventSeries::Time> EventSeries::next_due() const {
  std::optional<Time> first;
  for (const auto& [occurrence, event] : events_) {
    if (!event.busy) first = std::min(first.value_or(Time::max()), due(event));
  }
  return first;
}

EventSeries::Time EventSeries::due(const Event& event) const {
  const Time finish = event.last_seen + kFinish;
  return event.count > event.written ? std::min(finish, event.last_written + kRefresh) : finish;
}

bool EventSeries::make_room() {
  if (events_.size() < kMaxEvents) return true;
  auto quietest = events_.end();
  for (auto event = events_.begin(); event != events_.end(); ++event) {
    if (event->second.busy) continue;
    if (quietest == events_.end() || event->second.last_seen < quietest->second.last_seen) {
      quietest = event;
    }
  }
  if (quietest == events_.end()) return false;
  events_.erase(quietest);
  return true;
}

EventSeries::Room EventSeries::make_room_in_queue(const ObjectReference& regarding) {
  if (waiting_count_ < options_.queue) return {.found = true, .dropped = false};
  const auto own = waiting_.find(regarding);
  const auto most = std::ranges::max_element(
      waiting_, {}, [](const auto& of_object) { return of_object.second.size(); });
  const std::size_t with_this = 1 + (own == waiting_.end() ? 0 : own->second.size());
  if (most == waiting_.end() || most->second.size() <= with_this) return {false, true};
  events_.erase(most->second.back());
  most->second.pop_back();
  --waiting_count_;
  return {.found = true, .dropped = true};
}

void EventSeries::wait(Events::iterator event) {
  event->second.busy = true;
  waiting_[event->first.regarding].push_back(event);
  ++waiting_count_;
}

/// The object's name and the time, made unique, as client-go names Events.
std::string EventSeries::new_name(const std::string& object, clock::Wall::time_point now) {
  const std::int64_t stamp =
      std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  last_stamp_ = std::max(stamp, last_stamp_ + 1);
  std::string name = fmt::format("{}.{:x}", object, last_stamp_);
  return is_subdomain(name) ? name : fmt::format("event.{:x}", last_stamp_);
}

std::string EventSeries::namespace_of(const ObjectReference& regarding) const {
  if (!regarding.key.ns.empty()) return regarding.key.ns;
  return options_.default_namespace == "kube-system" ? "kube-system" : "default";
}

std::string EventSeries::create_body(const Occurrence& occurrence, const Event& event) const {
  const ObjectReference& regarding = occurrence.regarding;
  std::string body = fmt::format(
      R"({{"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{{"namespace":{},"name":{}}},)"
      R"("eventTime":{},"type":"{}","reason":{},"action":{},"note":{},)"
      R"("reportingController":{},"reportingInstance":{},)"
      R"("regarding":{{"apiVersion":{},"kind":{},"namespace":{},"name":{},"uid":{},"resourceVersion":{}}})",
      quote(namespace_of(regarding)), quote(event.name), quote(clock::format_micros(event.first)),
      occurrence.type == EventType::kNormal ? "Normal" : "Warning",
      quote(cut(occurrence.reason, kMaxFieldBytes)), quote(cut(occurrence.action, kMaxFieldBytes)),
      quote(occurrence.note), quote(options_.controller),
      quote(cut(options_.instance, kMaxFieldBytes)), quote(regarding.api_version),
      quote(regarding.kind), quote(regarding.key.ns), quote(regarding.key.name),
      quote(regarding.uid), quote(event.resource_version));
  if (event.count > 1) body += R"(,"series":)" + series(event.count, event.last);
  return body + "}";
}

}  // namespace receiver::kube
