#include "controllers/refresh_queue.h"

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace receiver::controllers {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Kind = kube::ApiError::Kind;
using Verdict = RefreshQueue::Verdict;
using Deliveries = std::vector<RefreshQueue::DeliveryId>;

Target queued_warehouse(const std::string& name) {
  return {TargetKind::kWarehouse, {"project", name}};
}

kube::ApiResult<void> failed(Kind kind, std::optional<milliseconds> retry_after = std::nullopt) {
  return tl::unexpected(kube::ApiError{kind, 0, "", "no luck", retry_after});
}

const kube::ApiResult<void> kAccepted;
const kube::ApiResult<void> kObjectGone =
    tl::unexpected(kube::ApiError{Kind::kNotFound, 404, "NotFound", "not found", std::nullopt});

/// A queue and its time, driven by hand.
struct Script {
  explicit Script(RefresherOptions options = {}) : queue(options, 1) {}

  void add(RefreshQueue::DeliveryId delivery, const std::vector<std::string>& names) {
    std::vector<Target> targets;
    for (const std::string& name : names) targets.push_back(queued_warehouse(name));
    REQUIRE(queue.add(delivery, targets, now));
  }

  /// The names of all PATCHes that start now.
  std::vector<std::string> start() {
    std::vector<std::string> names;
    while (const Target* target = queue.start(now)) names.push_back(target->key.name);
    return names;
  }

  RefreshQueue::Finished finish(const std::string& name, const kube::ApiResult<void>& result) {
    return queue.finish(queued_warehouse(name), result, now);
  }

  /// Lets the time pass until the next retry is due.
  void wait_for_retry() {
    REQUIRE(queue.next_retry());
    now = std::max(now, *queue.next_retry());
  }

  RefreshQueue queue;
  RefreshQueue::Time now{1h};
};

Deliveries complete(const RefreshQueue::Finished& finished) {
  Deliveries ids;
  for (const auto& served : finished.served) {
    if (served.complete) ids.push_back(served.delivery);
  }
  return ids;
}

using Names = std::vector<std::string>;

TEST_CASE("A delivery is complete when each of its objects was patched") {
  Script script;
  script.add(1, {"a", "b"});
  CHECK(script.start() == Names{"a", "b"});
  const auto first = script.finish("b", kAccepted);
  REQUIRE(first.served.size() == 1);
  CHECK_FALSE(first.served[0].complete);
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{1});
  CHECK(script.queue.size() == 0);
}

TEST_CASE("A PATCH that was in flight when a delivery arrived does not serve it") {
  Script script;
  script.add(1, {"a"});
  CHECK(script.start() == Names{"a"});
  script.add(2, {"a"});
  CHECK(script.start().empty());  // one in flight per object
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{1});
  CHECK(script.start() == Names{"a"});
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{2});
}

TEST_CASE("Any number of deliveries share the PATCH that waits") {
  Script script;
  script.add(1, {"a"});
  script.start();
  CHECK(script.queue.add(2, {queued_warehouse("a")}, script.now) == 0U);
  CHECK(script.queue.add(3, {queued_warehouse("a"), queued_warehouse("b")}, script.now) == 1U);
  CHECK(script.queue.add(4, {queued_warehouse("a"), queued_warehouse("b")}, script.now) == 2U);
  script.start();
  script.finish("a", kAccepted);
  CHECK(script.start() == Names{"a"});
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{2});
  CHECK(complete(script.finish("b", kAccepted)) == Deliveries{3, 4});
}

TEST_CASE("The wait of a refresh begins with the first delivery that it is for") {
  Script script;
  CHECK(script.queue.oldest_age(script.now) == 0s);
  script.add(1, {"a"});
  script.now += 1s;
  script.add(2, {"a"});
  script.now += 1s;
  CHECK(script.queue.oldest_age(script.now) == 2s);
  CHECK(script.start() == std::vector<std::string>{"a"});
  script.now += 1s;
  script.add(3, {"a"});
  script.now += 1s;
  const auto retried = script.finish("a", failed(Kind::kServer));
  CHECK(retried.waited == 4s);
  script.wait_for_retry();
  CHECK(script.start() == std::vector<std::string>{"a"});
  const auto waited = script.queue.oldest_age(script.now);
  CHECK(script.finish("a", kAccepted).waited == waited);
  CHECK(waited > 4s);
  CHECK(script.queue.oldest_age(script.now) == 0s);
}

TEST_CASE("Warehouses and Promotions of one name are different objects") {
  Script script;
  REQUIRE(script.queue.add(
      1, {{TargetKind::kWarehouse, {"p", "x"}}, {TargetKind::kPromotion, {"p", "x"}}}, script.now));
  CHECK(script.start().size() == 2);
}

TEST_CASE("No more PATCHes are in flight than allowed, and objects take turns") {
  Script script({.patches_in_flight = 2, .settling = 0ms});
  script.add(1, {"a", "b", "c", "d"});
  CHECK(script.start() == Names{"a", "b"});
  script.add(2, {"a"});
  script.finish("a", kAccepted);
  CHECK(script.start() == Names{"c"});  // and a goes to the back
  script.finish("b", kAccepted);
  CHECK(script.start() == Names{"d"});
  script.finish("c", kAccepted);
  CHECK(script.start() == Names{"a"});
}

TEST_CASE("An object that was patched just now lets others go first, for a moment") {
  Script script({.patches_in_flight = 1, .settling = 250ms});
  const auto patch = [&script](const std::string& name) {
    CHECK(script.start() == Names{name});
    script.finish(name, kAccepted);
  };
  script.add(1, {"a"});
  patch("a");
  script.add(2, {"b"});
  CHECK(script.start() == Names{"b"});
  script.add(3, {"a"});
  script.add(4, {"c"});
  script.finish("b", kAccepted);
  patch("c");
  patch("a");  // with nobody else waiting, at once

  script.now += 250ms;
  script.add(5, {"b"});
  CHECK(script.start() == Names{"b"});
  script.add(6, {"a"});
  script.add(7, {"c"});
  script.finish("b", kAccepted);
  patch("a");
  patch("c");
}

TEST_CASE("Objects that were patched just now get half of the PATCHes in flight") {
  Script script({.patches_in_flight = 4, .settling = 250ms});
  script.add(1, {"a", "b", "c", "d"});
  script.start();
  for (const char* name : {"d", "c", "b", "a"}) {
    script.finish(name, kAccepted);
    script.now += 1ms;
  }
  script.add(2, {"a", "b", "c", "d"});
  CHECK(script.start() == Names{"d", "c"});  // whose last PATCH is the oldest
  script.add(3, {"e"});
  CHECK(script.start() == Names{"e"});
  script.finish("d", kAccepted);
  CHECK(script.start().empty());
  script.finish("c", kAccepted);
  CHECK(script.start() == Names{"b"});
  CHECK(script.queue.next_retry() == RefreshQueue::Time{1h} + 3ms + 250ms);
  script.wait_for_retry();
  CHECK(script.start() == Names{"a"});
}

TEST_CASE("Before the end of the process objects that were patched just now go as others do") {
  Script script({.patches_in_flight = 4, .settling = 250ms});
  script.add(1, {"a", "b", "c", "d"});
  script.start();
  for (const char* name : {"a", "b", "c", "d"}) script.finish(name, kAccepted);
  script.add(2, {"a", "b", "c", "d"});
  CHECK(script.start().size() == 2);
  script.queue.retry_now();
  CHECK(script.start().size() == 2);
}

TEST_CASE("One retry serves the deliveries of the failed PATCH and those that came meanwhile") {
  Script script;
  script.add(1, {"a"});
  script.start();
  script.add(2, {"a"});
  CHECK(script.finish("a", failed(Kind::kServer)).verdict == Verdict::kRetry);
  CHECK(script.start().empty());
  script.add(3, {"a"});
  script.wait_for_retry();
  CHECK(script.start() == Names{"a"});
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{1, 2, 3});
  CHECK(script.start().empty());
  CHECK(script.queue.size() == 0);
}

TEST_CASE("What becomes of a PATCH") {
  struct Case {
    kube::ApiResult<void> result;
    Verdict verdict;
  };
  const std::vector<Case> cases{
      {kAccepted, Verdict::kApplied},
      {kObjectGone, Verdict::kGone},
      {failed(Kind::kNotFound), Verdict::kRetry},  // a proxy's, or of a kind that is not served
      {failed(Kind::kInvalid), Verdict::kRefused},
      {failed(Kind::kGone), Verdict::kRefused},
      {failed(Kind::kUnreachable), Verdict::kRetry},
      {failed(Kind::kUnauthorized), Verdict::kRetry},
      {failed(Kind::kForbidden), Verdict::kRetry},
      {failed(Kind::kConflict), Verdict::kRetry},
      {failed(Kind::kThrottled), Verdict::kRetry},
      {failed(Kind::kServer), Verdict::kRetry},
      {failed(Kind::kMalformed), Verdict::kRetry},
      {failed(Kind::kClosed), Verdict::kStopped},
  };
  for (const Case& c : cases) {
    CAPTURE(c.result ? "accepted" : std::to_string(static_cast<int>(c.result.error().kind)));
    Script script;
    script.add(1, {"a"});
    script.start();
    const auto finished = script.finish("a", c.result);
    CHECK(finished.verdict == c.verdict);
    const bool final = c.verdict == Verdict::kApplied || c.verdict == Verdict::kGone ||
                       c.verdict == Verdict::kRefused;
    CHECK(complete(finished) == (final ? Deliveries{1} : Deliveries{}));
    CHECK(script.queue.size() == (final ? 0 : 1));
    CHECK(script.queue.next_retry().has_value() == (c.verdict == Verdict::kRetry));
  }
}

TEST_CASE("A refused PATCH does not decide for deliveries that came meanwhile") {
  Script script;
  script.add(1, {"a"});
  script.start();
  script.add(2, {"a"});
  CHECK(complete(script.finish("a", failed(Kind::kInvalid))) == Deliveries{1});
  CHECK(script.start() == Names{"a"});
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{2});
}

TEST_CASE("Backoff doubles from the first to the cap, with jitter, and begins anew after success") {
  Script script;
  script.add(1, {"a"});
  for (const milliseconds longest : {200ms, 400ms, 800ms, 1'600ms, 3'200ms, 6'400ms, 12'800ms,
                                     25'600ms, 30'000ms, 30'000ms, 30'000ms}) {
    CHECK(script.start() == Names{"a"});
    const auto before = script.now;
    const auto finished = script.finish("a", failed(Kind::kServer));
    CHECK(finished.retry_in >= longest / 2);
    CHECK(finished.retry_in <= longest);
    CHECK(script.queue.next_retry() == before + finished.retry_in);
    script.now += finished.retry_in - 1ms;
    CHECK(script.start().empty());
    script.now += 1ms;
  }
  script.start();
  script.add(2, {"a"});
  script.finish("a", kAccepted);
  script.start();
  CHECK(script.finish("a", failed(Kind::kServer)).retry_in <= 200ms);
}

TEST_CASE("Objects that fail together do not come back together") {
  Script script;
  std::set<milliseconds> waits;
  for (int i = 0; i < 50; ++i) {
    script.add(static_cast<RefreshQueue::DeliveryId>(i), {std::to_string(i)});
    script.start();
    waits.insert(script.finish(std::to_string(i), failed(Kind::kServer)).retry_in);
  }
  CHECK(waits.size() > 20);
}

TEST_CASE("Retry-After is kept as told, neither earlier nor capped") {
  for (const milliseconds told : {0ms, 1'000ms, 120'000ms}) {
    Script script;
    script.add(1, {"a"});
    script.start();
    const auto finished = script.finish("a", failed(Kind::kThrottled, told));
    CHECK(finished.retry_in >= told + 100ms);
    CHECK(finished.retry_in <= told + 200ms);
  }
}

TEST_CASE("A first answer after an outage begins a new, short backoff") {
  Script script;
  script.add(1, {"a"});
  for (int i = 0; i < 12; ++i) {
    script.start();
    script.finish("a", failed(Kind::kUnreachable));
    script.wait_for_retry();
  }
  script.start();
  CHECK(script.finish("a", failed(Kind::kForbidden)).retry_in <= 200ms);
}

TEST_CASE("A success shows that the API server is back: who could not reach it tries at once") {
  Script script;
  script.add(1, {"unreachable", "broken"});
  script.start();
  script.finish("unreachable", failed(Kind::kUnreachable));
  script.finish("broken", failed(Kind::kServer));
  CHECK(script.start().empty());
  script.add(2, {"fine"});
  script.start();
  script.finish("fine", kAccepted);
  CHECK(script.start() == Names{"unreachable"});
}

TEST_CASE("403 is retried for ten minutes, then refused, and refused at once from then on") {
  Script script;
  script.add(1, {"a"});
  const auto begin = script.now;
  RefreshQueue::Finished finished;
  do {
    REQUIRE(script.start() == Names{"a"});
    finished = script.finish("a", failed(Kind::kForbidden));
    if (finished.verdict == Verdict::kRetry) script.wait_for_retry();
  } while (finished.verdict == Verdict::kRetry);
  CHECK(finished.verdict == Verdict::kRefused);
  CHECK(finished.worth_a_line);
  CHECK(complete(finished) == Deliveries{1});
  CHECK(script.now - begin >= 10min);
  CHECK(script.now - begin <= 10min + 30s);
  CHECK(script.queue.size() == 0);

  script.now += 1h;
  script.add(2, {"a"});
  script.start();
  CHECK(script.finish("a", failed(Kind::kForbidden)).verdict == Verdict::kRefused);

  SECTION("until one succeeds") {
    script.add(3, {"a"});
    script.start();
    script.finish("a", kAccepted);
    script.add(4, {"a"});
    script.start();
    CHECK(script.finish("a", failed(Kind::kForbidden)).verdict == Verdict::kRetry);
  }
}

TEST_CASE("Other failures in between do not restart the ten minutes of a 403") {
  Script script;
  script.add(1, {"a"});
  script.start();
  script.finish("a", failed(Kind::kForbidden));
  script.now += 9min;
  script.start();
  script.finish("a", failed(Kind::kUnreachable));
  script.now += 1min;
  script.start();
  CHECK(script.finish("a", failed(Kind::kForbidden)).verdict == Verdict::kRefused);
}

TEST_CASE("More objects than the bound: nothing of the delivery is taken") {
  Script script({.objects_waiting = 3});
  script.add(1, {"a", "b"});
  CHECK_FALSE(script.queue.add(
      2, {queued_warehouse("b"), queued_warehouse("c"), queued_warehouse("d")}, script.now));
  CHECK(script.queue.size() == 2);
  script.add(3, {"a", "b", "c"});  // known ones count nothing
  script.add(4, {"c", "a"});
  CHECK(script.start() == Names{"a", "b", "c"});
  CHECK_FALSE(script.queue.add(5, {queued_warehouse("d")}, script.now));
  script.add(6, {"a"});
  script.finish("b", kAccepted);
  script.add(7, {"d"});
}

TEST_CASE("The memory of refused objects gives way to queued ones, the oldest first") {
  Script script({.objects_waiting = 2, .forbidden_for = 0ms});
  for (const char* name : {"a", "b"}) {
    script.add(1, {name});
    script.start();
    CHECK(script.finish(name, failed(Kind::kForbidden)).worth_a_line);
  }
  script.add(1, {"c"});
  script.start();
  script.finish("c", kAccepted);
  const auto known = [&](const char* name) {  // a known one was named in the log just now
    script.add(1, {name});
    script.start();
    return !script.finish(name, failed(Kind::kForbidden)).worth_a_line;
  };
  CHECK(known("b"));
  CHECK_FALSE(known("a"));
}

TEST_CASE("Who leaves is not told, and the targets stay queued") {
  Script script;
  script.add(1, {"a", "b"});
  script.add(2, {"a"});
  script.start();
  script.queue.leave(1);
  script.queue.leave(1);
  CHECK(script.finish("b", failed(Kind::kServer)).verdict == Verdict::kRetry);
  CHECK(complete(script.finish("a", kAccepted)) == Deliveries{2});
  script.wait_for_retry();
  CHECK(script.start() == Names{"b"});
  CHECK(script.finish("b", kAccepted).served.empty());
  CHECK(script.queue.size() == 0);
}

TEST_CASE("An object that keeps failing is worth a line every longest backoff") {
  Script script;
  script.add(1, {"a"});
  int lines = 0;
  const auto begin = script.now;
  while (script.now < begin + 10min) {
    script.start();
    if (script.finish("a", failed(Kind::kServer)).worth_a_line) ++lines;
    script.wait_for_retry();
  }
  CHECK(lines > 10);
  CHECK(lines <= 21);
}

TEST_CASE("Before the end of the process every backoff is cut short") {
  Script script;
  script.add(1, {"a", "b"});
  script.start();
  script.finish("a", failed(Kind::kThrottled, 120s));
  for (int i = 0; i < 8; ++i) {
    script.finish("b", failed(Kind::kUnreachable));
    if (i == 7) break;
    script.wait_for_retry();
    script.start();
  }
  script.queue.retry_now();
  CHECK_FALSE(script.queue.next_retry());
  CHECK(script.start() == Names{"b", "a"});
  CHECK(script.finish("b", failed(Kind::kUnreachable)).retry_in <= 200ms);
}

TEST_CASE("A closed client stops everything, and what was not applied can be named") {
  Script script({.patches_in_flight = 1});
  script.add(1, {"b", "a"});
  script.start();
  CHECK(script.finish("b", failed(Kind::kClosed)).verdict == Verdict::kStopped);
  CHECK(script.queue.stopped());
  CHECK(script.start().empty());
  CHECK(script.queue.unfinished() == std::vector{queued_warehouse("a"), queued_warehouse("b")});
}

/// Random arrivals, departures, answers and pauses, held against what SPEC 4 promises.
class Model {
 public:
  explicit Model(std::uint32_t seed) : random_(seed), queue_(options(), seed) {}

  void run() {
    for (int step = 0; step < 3'000; ++step) {
      now_ += milliseconds(below(40));
      switch (below(8)) {
        case 0:
        case 1:
          arrive();
          break;
        case 2:
          depart();
          break;
        default:
          start();
          if (!in_flight_.empty()) answer(below(100));
      }
    }
    for (int left = 10'000; queue_.size() > 0; --left) {
      REQUIRE(left > 0);
      start();
      while (!in_flight_.empty()) answer(0);
      if (queue_.next_retry()) now_ = std::max(now_, *queue_.next_retry());
    }
    CHECK(waiting_.empty());
    CHECK(wanted_since_.empty());
    CHECK(queue_.unfinished().empty());
  }

 private:
  struct Waiting {
    std::uint64_t arrived;
    std::set<std::string> targets;
  };

  static RefresherOptions options() {
    RefresherOptions options;
    options.patches_in_flight = 5;
    options.objects_waiting = 25;
    options.longest_backoff = 1'000ms;
    options.forbidden_for = 2'000ms;
    return options;
  }

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_()) % bound; }

  void arrive() {
    std::set<std::string> names;
    for (unsigned i = 1 + below(6); i > 0; --i) names.insert(std::to_string(below(30)));
    std::vector<Target> targets;
    for (const auto& name : names) targets.push_back(queued_warehouse(name));
    std::set<std::string> known = names;
    for (const auto& [name, since] : wanted_since_) known.insert(name);
    for (const auto& [name, began] : in_flight_) known.insert(name);
    const auto shared = queue_.add(++events_, targets, now_);
    REQUIRE(shared.has_value() == (known.size() <= options().objects_waiting));
    if (!shared) return;
    waiting_[events_] = {events_, names};
    for (const auto& name : names) wanted_since_[name] = events_;
  }

  void depart() {
    if (waiting_.empty()) return;
    auto leaver = waiting_.begin();
    std::advance(leaver, below(static_cast<unsigned>(waiting_.size())));
    queue_.leave(leaver->first);
    waiting_.erase(leaver);
  }

  void start() {
    while (const Target* target = queue_.start(now_)) {
      const bool new_one = in_flight_.emplace(target->key.name, ++events_).second;
      REQUIRE(new_one);  // never two of one object
      REQUIRE(in_flight_.size() <= options().patches_in_flight);
      REQUIRE(wanted_since_.count(target->key.name) == 1);  // never one that nobody asked for
    }
    REQUIRE(queue_.in_flight() == in_flight_.size());
    REQUIRE((in_flight_.size() == options().patches_in_flight || !queue_.next_retry() ||
             *queue_.next_retry() > now_));
    // What waits has something to wait for.
    for (const auto& [name, since] : wanted_since_) {
      REQUIRE((in_flight_.contains(name) || queue_.next_retry() ||
               in_flight_.size() == options().patches_in_flight));
    }
  }

  void answer(unsigned luck) {
    auto chosen = in_flight_.begin();
    std::advance(chosen, below(static_cast<unsigned>(in_flight_.size())));
    const auto [name, began] = *chosen;
    in_flight_.erase(chosen);
    const auto result = luck < 50   ? kAccepted
                        : luck < 60 ? kObjectGone
                        : luck < 65 ? failed(Kind::kInvalid)
                        : luck < 75 ? failed(Kind::kForbidden)
                        : luck < 80 ? failed(Kind::kThrottled, 300ms)
                        : luck < 90 ? failed(Kind::kUnreachable)
                                    : failed(Kind::kServer);
    const auto finished = queue_.finish(queued_warehouse(name), result, now_);
    const bool done = finished.verdict != Verdict::kRetry;
    if (done && wanted_since_.at(name) < began) wanted_since_.erase(name);

    std::set<RefreshQueue::DeliveryId> served;
    for (const auto& [id, complete] : finished.served) {
      REQUIRE(done);
      REQUIRE(served.insert(id).second);
      Waiting& delivery = waiting_.at(id);
      REQUIRE(delivery.arrived < began);  // acknowledged means applied after the arrival
      REQUIRE(delivery.targets.erase(name) == 1);
      REQUIRE(complete == delivery.targets.empty());
      if (complete) waiting_.erase(id);
    }
    if (!done) return;
    for (const auto& [id, delivery] : waiting_) {  // and everybody it can serve is served
      REQUIRE((delivery.arrived > began || delivery.targets.count(name) == 0));
    }
  }

  std::minstd_rand random_;
  RefreshQueue queue_;
  RefreshQueue::Time now_{1h};
  std::uint64_t events_ = 0;  ///< the order of arrivals and starts
  std::map<RefreshQueue::DeliveryId, Waiting> waiting_;
  std::map<std::string, std::uint64_t> in_flight_;     ///< object → start
  std::map<std::string, std::uint64_t> wanted_since_;  ///< object → last arrival not yet served
};

TEST_CASE("Whatever happens: no acknowledgement without a later PATCH, and nothing is lost") {
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    Model(seed).run();
  }
}

}  // namespace
}  // namespace receiver::controllers
