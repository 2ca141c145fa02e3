#include "controllers/refresh_queue.h"

#include <algorithm>
#include <utility>

namespace receiver::controllers {

using std::chrono::milliseconds;

namespace {

/// Errors of an API server that has just started, or of a proxy in front of it, which soon end.
bool may_pass(const kube::ApiError& error) {
  using Kind = kube::ApiError::Kind;
  return error.kind == Kind::kForbidden || error.kind == Kind::kNotFound;
}

}  // namespace

RefreshQueue::RefreshQueue(RefresherOptions options, std::uint32_t seed)
    : options_(options), random_(seed) {}

RefreshQueue::~RefreshQueue() = default;

std::optional<std::size_t> RefreshQueue::add(DeliveryId id, const std::vector<Target>& targets,
                                             Time now) {
  if (!room_for(targets)) return std::nullopt;
  Delivery& delivery = deliveries_[id];
  delivery.id = id;
  delivery.remaining = targets.size();
  delivery.waiters = std::make_unique<Waiter[]>(targets.size());

  std::size_t shared = 0;
  Waiter* waiter = delivery.waiters.get();
  for (const Target& target : targets) {
    const auto found = objects_.try_emplace(target).first;
    Object& object = found->second;
    object.target = &found->first;
    if (object.wanted) {
      ++shared;
    } else {
      want(object, now);
    }
    waiter->delivery = &delivery;
    object.waiting.push_back(*waiter++);
  }
  forget_oldest_beyond_bound();
  return shared;
}

bool RefreshQueue::room_for(const std::vector<Target>& targets) const {
  if (queued_ + targets.size() <= options_.objects_waiting) return true;
  const auto unknown = std::count_if(targets.begin(), targets.end(), [this](const Target& target) {
    const auto found = objects_.find(target);
    return found == objects_.end() || !(found->second.wanted || found->second.patching);
  });
  return queued_ + static_cast<std::size_t>(unknown) <= options_.objects_waiting;
}

/// Queues an object without a waiting PATCH.
void RefreshQueue::want(Object& object, Time now) {
  object.wanted = true;
  object.waiting_since = now;
  if (object.patching) return;  // finish() adds it to the line
  if (object.is_linked()) object.unlink();
  ++queued_;
  line_up(object);
}

/// Adds it to the end of its project's line. A project without a line gets its turn after all
/// others.
void RefreshQueue::line_up(Object& object) {
  Project& project = projects_[object.target->key.ns];
  project.line.push_back(object);
  if (!project.is_linked()) turns_.push_back(project);
}

void RefreshQueue::leave(DeliveryId delivery) {
  deliveries_.erase(delivery);
}

const Target* RefreshQueue::start(Time now) {
  line_up_due(waiting_for_server_, now);
  line_up_due(waiting_in_full_, now);
  forget_expired(now);
  if (stopped_ || in_flight_ >= options_.patches_in_flight) return nullptr;
  Project* const project = next_project();
  if (!project) return nullptr;
  Object& object = project->line.front();
  project->line.pop_front();
  project->unlink();
  if (!project->line.empty()) turns_.push_back(*project);
  ++project->in_flight;
  ++in_flight_;
  object.wanted = false;
  object.patching = true;
  object.served_since = object.waiting_since;
  object.served.splice(object.served.end(), object.waiting);
  return object.target;
}

/// The first project in turn that is below the threshold and, while another project waits, has less
/// than half of the slots. There is one whenever any is below the threshold: if that one has half,
/// more than a quarter of the slots are free, and every other project is below both. At most half
/// as many projects as there are slots are passed over, because each has two PATCHes in flight or
/// half of all.
RefreshQueue::Project* RefreshQueue::next_project() {
  if (turns_.empty()) return nullptr;
  const std::size_t threshold = 2 * (options_.patches_in_flight - in_flight_);
  const bool another_waits = &turns_.front() != &turns_.back();
  const std::size_t bound = another_waits ? std::min(threshold, half_of_slots()) : threshold;
  const auto next = std::find_if(turns_.begin(), turns_.end(), [bound](const Project& project) {
    return project.in_flight < bound;
  });
  return next == turns_.end() ? nullptr : &*next;
}

void RefreshQueue::free_slot(const std::string& project) {
  const auto found = projects_.find(project);
  --in_flight_;
  if (--found->second.in_flight == 0 && found->second.line.empty()) projects_.erase(found);
}

/// Objects whose time has come; without a time, all.
void RefreshQueue::line_up_due(ByTime& waiting, std::optional<Time> due) {
  while (!waiting.empty() && (!due || waiting.top().first <= *due)) {
    line_up(*waiting.top().second);
    waiting.pop();
  }
}

void RefreshQueue::forget_expired(Time now) {
  while (!remembered_.empty() &&
         remembered_.front().refused_at + options_.forbidden_memory <= now) {
    forget(remembered_.front());
  }
}

void RefreshQueue::forget(const Object& object) {
  objects_.erase(objects_.find(*object.target));
}

RefreshQueue::Finished RefreshQueue::finish(const Target& target,
                                            const kube::ApiResult<void>& result, Time now) {
  using Kind = kube::ApiError::Kind;
  Object& object = objects_.at(target);
  object.patching = false;
  free_slot(target.key.ns);

  Finished finished;
  finished.waited = now - object.served_since;
  if (result) {
    server_is_back();
    object.forbidden.reset();
    finished.verdict = Verdict::kApplied;
    settle(object, now, finished);
  } else if (result.error().says_object_is_gone()) {
    object.forbidden.reset();
    finished.verdict = Verdict::kGone;
    settle(object, now, finished);
  } else if (result.error().kind == Kind::kClosed) {
    stopped_ = true;
    finished.verdict = Verdict::kStopped;
    merge_back(object);
    line_up(object);
  } else if (result.error().transient() || result.error().kind == Kind::kConflict ||
             (may_pass(result.error()) && !is_forbidden_for_good(object, now))) {
    finished.verdict = Verdict::kRetry;
    merge_back(object);
    back_off(object, result.error(), now, finished);
  } else {
    finished.verdict = Verdict::kRefused;
    finished.worth_a_line = worth_a_line(object.no_refusal_line_before, now);
    settle(object, now, finished);
  }
  return finished;
}

/// The PATCH in flight is the final result for the deliveries that it served.
void RefreshQueue::settle(Object& object, Time now, Finished& finished) {
  object.failures = 0;
  while (!object.served.empty()) {
    Delivery& delivery = *object.served.front().delivery;
    object.served.pop_front();
    const bool complete = --delivery.remaining == 0;
    finished.served.push_back({delivery.id, complete});
    if (complete) deliveries_.erase(delivery.id);
  }
  if (object.wanted) {
    line_up(object);
    return;
  }
  --queued_;
  if (finished.verdict == Verdict::kRefused) {
    object.refused_at = now;
    remembered_.push_back(object);
  } else {
    forget(object);
  }
}

/// One retry serves the deliveries of the failed PATCH and those that arrived meanwhile.
void RefreshQueue::merge_back(Object& object) {
  object.wanted = true;
  object.waiting_since = object.served_since;
  object.waiting.splice(object.waiting.begin(), object.served);
}

void RefreshQueue::back_off(Object& object, const kube::ApiError& error, Time now,
                            Finished& finished) {
  // A server that answers again after an outage gets a fast second attempt.
  const bool unreachable = error.unreachable();
  if (unreachable != object.unreachable) object.failures = 0;
  object.unreachable = unreachable;
  // If a wait was cut short, the same wait is repeated in full before the next step.
  const bool in_full = std::exchange(object.cut_short, false) && object.failures > 0;
  if (!in_full) ++object.failures;

  constexpr std::uint32_t kMaxDoublings = 20;  // far above any limit, far below an overflow
  const auto doubled =
      options_.first_backoff * (std::int64_t{1} << std::min(object.failures - 1, kMaxDoublings));
  finished.retry_in = error.retry_after
                          ? *error.retry_after + jittered(options_.first_backoff)
                          : jittered(std::min<milliseconds>(doubled, options_.longest_backoff));
  finished.worth_a_line = worth_a_line(object.no_retry_line_before, now);
  (unreachable && !in_full ? waiting_for_server_ : waiting_in_full_)
      .emplace(now + finished.retry_in, &object);
}

/// Whether it was answered 403 for forbidden_for, without a pause in which the API server may have
/// been restarted.
bool RefreshQueue::is_forbidden_for_good(Object& object, Time now) const {
  if (!object.forbidden || now - object.forbidden->last > options_.forbidden_memory) {
    object.forbidden = Forbidden{now, now};
  }
  object.forbidden->last = now;
  return now - object.forbidden->first >= options_.forbidden_for;
}

/// Between half of it and all of it.
milliseconds RefreshQueue::jittered(milliseconds longest) {
  std::uniform_int_distribution<milliseconds::rep> share(longest.count() / 2, longest.count());
  return milliseconds(share(random_));
}

bool RefreshQueue::worth_a_line(Time& not_before, Time now) const {
  if (now < not_before) return false;
  not_before = now + options_.longest_backoff;
  return true;
}

void RefreshQueue::forget_oldest_beyond_bound() {
  while (objects_.size() > options_.objects_waiting && !remembered_.empty()) {
    forget(remembered_.front());
  }
}

std::optional<RefreshQueue::Time> RefreshQueue::next_retry() const {
  std::optional<Time> next;
  for (const ByTime* waiting : {&waiting_for_server_, &waiting_in_full_}) {
    if (!waiting->empty() && (!next || waiting->top().first < *next)) next = waiting->top().first;
  }
  return next;
}

void RefreshQueue::server_is_back() {
  for (; !waiting_for_server_.empty(); waiting_for_server_.pop()) {
    Object& object = *waiting_for_server_.top().second;
    object.cut_short = true;
    line_up(object);
  }
}

void RefreshQueue::retry_now() {
  line_up_due(waiting_for_server_, std::nullopt);
  line_up_due(waiting_in_full_, std::nullopt);
  for (auto& [target, object] : objects_) object.failures = 0;
}

RefreshQueue::Time::duration RefreshQueue::oldest_age(Time now) const {
  Time oldest = now;
  for (const auto& [target, object] : objects_) {
    if (object.patching) {
      oldest = std::min(oldest, object.served_since);
    } else if (object.wanted) {
      oldest = std::min(oldest, object.waiting_since);
    }
  }
  return now - oldest;
}

std::vector<Target> RefreshQueue::unfinished() const {
  std::vector<Target> targets;
  for (const auto& [target, object] : objects_) {
    if (object.wanted || object.patching) targets.push_back(target);
  }
  std::sort(targets.begin(), targets.end());
  return targets;
}

}  // namespace receiver::controllers
