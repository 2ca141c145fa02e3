#include "controllers/refresh_queue.h"

#include <algorithm>

namespace receiver::controllers {

using std::chrono::milliseconds;

namespace {

/// Objects that are known though nothing waits for them; those that settle give way first.
constexpr std::size_t kIdleKept = 256;

/// What an API server that has just started, or a proxy before it, says of what will be well soon.
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

/// Queues an object that has no PATCH waiting.
void RefreshQueue::want(Object& object, Time now) {
  object.wanted = true;
  object.waiting_since = now;
  if (object.patching) return;  // finish() puts it in line
  if (object.is_linked()) object.unlink();
  ++queued_;
  get_in_line(object, now);
}

void RefreshQueue::get_in_line(Object& object, Time now) {
  if (object.settles_at > now) {
    fresh_.emplace(object.settles_at, &object);
  } else {
    ready_.push_back(object);
  }
}

void RefreshQueue::leave(DeliveryId delivery) {
  deliveries_.erase(delivery);
}

const Target* RefreshQueue::start(Time now) {
  make_ready(unreachable_, now);
  make_ready(answered_, now);
  make_ready(fresh_, now);
  forget_settled(now);
  if (stopped_ || in_flight_ >= options_.patches_in_flight) return nullptr;
  if (ready_.empty() && !fresh_.empty() && in_flight_ < (options_.patches_in_flight + 1) / 2) {
    ready_.push_back(*fresh_.top().second);
    fresh_.pop();
  }
  if (ready_.empty()) return nullptr;
  Object& object = ready_.front();
  ready_.pop_front();
  object.wanted = false;
  object.patching = true;
  object.served_since = object.waiting_since;
  object.served.splice(object.served.end(), object.waiting);
  ++in_flight_;
  return object.target;
}

/// Puts those in line whose time has come; all, without a time.
void RefreshQueue::make_ready(ByTime& waiting, std::optional<Time> due) {
  while (!waiting.empty() && (!due || waiting.top().first <= *due)) {
    ready_.push_back(*waiting.top().second);
    waiting.pop();
  }
}

void RefreshQueue::forget_settled(Time now) {
  while (!settling_.empty() && settling_.front().settles_at <= now) forget(settling_.front());
}

void RefreshQueue::forget(const Object& object) {
  objects_.erase(objects_.find(*object.target));
}

RefreshQueue::Finished RefreshQueue::finish(const Target& target,
                                            const kube::ApiResult<void>& result, Time now) {
  using Kind = kube::ApiError::Kind;
  Object& object = objects_.at(target);
  object.patching = false;
  --in_flight_;

  Finished finished;
  finished.waited = now - object.served_since;
  if (result) {
    make_ready(unreachable_, std::nullopt);
    object.forbidden_since.reset();
    finished.verdict = Verdict::kApplied;
    object.settles_at = now + options_.settling;
    settle(object, now, finished);
  } else if (result.error().says_object_is_gone()) {
    object.forbidden_since.reset();
    finished.verdict = Verdict::kGone;
    settle(object, now, finished);
  } else if (result.error().kind == Kind::kClosed) {
    stopped_ = true;
    finished.verdict = Verdict::kStopped;
    merge_back(object);
    ready_.push_back(object);
  } else if (result.error().transient() || result.error().kind == Kind::kConflict ||
             (may_pass(result.error()) && !forbidden_too_long(object, now))) {
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

/// The PATCH in flight was the last word for the deliveries that it served.
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
    get_in_line(object, now);
    return;
  }
  --queued_;
  if (finished.verdict == Verdict::kRefused) {
    remembered_.push_back(object);
  } else if (finished.verdict == Verdict::kApplied) {
    settling_.push_back(object);
    while (objects_.size() - queued_ > kIdleKept && !settling_.empty()) forget(settling_.front());
  } else {
    forget(object);
  }
}

/// One retry serves those that the failed PATCH was for and those that came meanwhile.
void RefreshQueue::merge_back(Object& object) {
  object.wanted = true;
  object.waiting_since = object.served_since;
  object.waiting.splice(object.waiting.begin(), object.served);
}

void RefreshQueue::back_off(Object& object, const kube::ApiError& error, Time now,
                            Finished& finished) {
  // A server that answers again after an outage deserves a quick second try.
  const bool unreachable = error.kind == kube::ApiError::Kind::kUnreachable;
  object.failures = unreachable == object.unreachable ? object.failures + 1 : 1;
  object.unreachable = unreachable;

  constexpr std::uint32_t kMaxDoublings = 20;  // far above any cap, far below an overflow
  const auto doubled =
      options_.first_backoff * (std::int64_t{1} << std::min(object.failures - 1, kMaxDoublings));
  finished.retry_in = error.retry_after
                          ? *error.retry_after + jittered(options_.first_backoff)
                          : jittered(std::min<milliseconds>(doubled, options_.longest_backoff));
  finished.worth_a_line = worth_a_line(object.no_retry_line_before, now);
  (unreachable ? unreachable_ : answered_).emplace(now + finished.retry_in, &object);
}

bool RefreshQueue::forbidden_too_long(Object& object, Time now) const {
  if (!object.forbidden_since) object.forbidden_since = now;
  return now - *object.forbidden_since >= options_.forbidden_for;
}

/// From half of it to all.
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
  for (Objects* known : {&settling_, &remembered_}) {
    while (objects_.size() > options_.objects_waiting && !known->empty()) forget(known->front());
  }
}

std::optional<RefreshQueue::Time> RefreshQueue::next_retry() const {
  std::optional<Time> next;
  for (const ByTime* waiting : {&unreachable_, &answered_}) {
    if (!waiting->empty() && (!next || waiting->top().first < *next)) next = waiting->top().first;
  }
  if (!fresh_.empty() && in_flight_ < options_.patches_in_flight &&
      (!next || fresh_.top().first < *next)) {
    next = fresh_.top().first;
  }
  return next;
}

void RefreshQueue::retry_now() {
  make_ready(unreachable_, std::nullopt);
  make_ready(answered_, std::nullopt);
  make_ready(fresh_, std::nullopt);
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
