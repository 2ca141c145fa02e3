#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "controllers/refresh_queue.h"
#include "test/support/eventually.h"
#include "test/unit/controllers/refresh_queue_script.h"

namespace receiver::controllers {
namespace {

/// Random arrivals, departures, answers and pauses, compared with the promises of SPEC 4.
class Model {
 public:
  explicit Model(std::uint32_t seed)
      : random_(seed), options_(options(1 + seed % 8)), queue_(options_, seed) {}

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
    CHECK(queue_.projects() == 0);
  }

 private:
  struct Waiting {
    std::uint64_t arrived;
    std::set<std::string> targets;
  };

  static RefresherOptions options(std::size_t slots) {
    RefresherOptions options;
    options.patches_in_flight = slots;
    options.objects_waiting = 25;
    options.longest_backoff = 1'000ms;
    options.forbidden_for = 2'000ms;
    return options;
  }

  /// 30 objects: half in a large project, the others in three smaller ones.
  std::string any_name() {
    const unsigned number = below(30);
    const unsigned project = number < 15 ? 0 : 1 + number % 3;
    return "project-" + std::to_string(project) + "/" + std::to_string(number);
  }
  static std::string project_of(const std::string& name) { return name.substr(0, name.find('/')); }

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_()) % bound; }

  void arrive() {
    std::set<std::string> names;
    for (unsigned i = 1 + below(6); i > 0; --i) names.insert(any_name());
    std::vector<Target> targets;
    for (const auto& name : names) targets.push_back(queued_warehouse(name));
    std::set<std::string> known = names;
    for (const auto& [name, since] : wanted_since_) known.insert(name);
    for (const auto& [name, began] : in_flight_) known.insert(name);
    const auto shared = queue_.add(++events_, targets, now_);
    REQUIRE(shared.has_value() == (known.size() <= options_.objects_waiting));
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

  [[nodiscard]] static RefreshQueue::Time time_of(
      const std::map<std::string, RefreshQueue::Time>& times, const std::string& name) {
    const auto found = times.find(name);
    return found == times.end() ? RefreshQueue::Time{} : found->second;
  }

  /// The projects with an object that may be patched now: it waits, and does not back off. (A
  /// success elsewhere may have ended a backoff earlier: there may be more.)
  [[nodiscard]] std::set<std::string> waiting_projects() const {
    std::set<std::string> projects;
    for (const auto& [name, since] : wanted_since_) {
      if (in_flight_.contains(name) || now_ < time_of(backs_off_until_, name)) continue;
      projects.insert(project_of(name));
    }
    return projects;
  }

  [[nodiscard]] std::size_t free() const { return options_.patches_in_flight - in_flight_.size(); }
  [[nodiscard]] std::size_t half() const { return (options_.patches_in_flight + 1) / 2; }

  [[nodiscard]] std::size_t held_by(const std::string& project) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        in_flight_, [&](const auto& patch) { return project_of(patch.first) == project; }));
  }

  void start() {
    for (;;) {
      const std::set<std::string> waiting = waiting_projects();
      const std::size_t threshold = 2 * free();
      const Target* target = queue_.start(now_);
      if (!target) break;
      const std::string name = target->key.str();
      REQUIRE(held_by(target->key.ns) < threshold);  // others find a slot later
      const bool new_one = in_flight_.emplace(name, ++events_).second;
      REQUIRE(new_one);  // never two of one object
      REQUIRE(in_flight_.size() <= options_.patches_in_flight);
      REQUIRE(wanted_since_.count(name) == 1);  // never one that nobody requested
      check_turn(target->key.ns, waiting, threshold);
      check_backoff(name);
    }
    REQUIRE(queue_.in_flight() == in_flight_.size());
    REQUIRE((free() == 0 || !queue_.next_retry() || *queue_.next_retry() > now_));
    // No slot is idle while a project below the threshold waits.
    for (const auto& project : waiting_projects()) REQUIRE(held_by(project) >= 2 * free());
    // A waiting object always waits for something that will happen.
    for (const auto& [name, since] : wanted_since_) {
      REQUIRE((in_flight_.contains(name) || queue_.next_retry() ||
               held_by(project_of(name)) >= 2 * free()));
    }
  }

  /// A PATCH of this project has started while those were waiting.
  void check_turn(const std::string& project, const std::set<std::string>& waiting,
                  std::size_t threshold) {
    const bool others_wait = waiting.size() > waiting.count(project);
    if (others_wait) REQUIRE(held_by(project) <= half());
    passed_.erase(project);
    std::erase_if(passed_, [&](const auto& entry) { return !waiting.contains(entry.first); });
    for (const std::string& other : waiting) {
      if (other == project) continue;
      if (held_by(other) >= std::min(threshold, half())) {
        passed_.erase(other);
      } else {
        const bool first_time = passed_[other].insert(project).second;
        REQUIRE(first_time);  // no project has two turns before others have one
      }
    }
  }

  void check_backoff(const std::string& name) {
    const bool early = now_ < time_of(backs_off_until_, name);
    REQUIRE_FALSE((early && was_early_.contains(name)));  // cut short at most every other time
    was_early_.erase(name);
    if (early) was_early_.insert(name);
    backs_off_until_.erase(name);
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
                        : luck < 95 ? failed(Kind::kServer)
                                    : failed_with_status(Kind::kServer);
    const auto finished = queue_.finish(queued_warehouse(name), result, now_);
    const bool done = finished.verdict != Verdict::kRetry;
    if (done) {
      was_early_.erase(name);
    } else {
      backs_off_until_[name] = now_ + finished.retry_in;
    }
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
    for (const auto& [id, delivery] : waiting_) {  // and it serves all that it can
      REQUIRE((delivery.arrived > began || delivery.targets.count(name) == 0));
    }
  }

  std::minstd_rand random_;
  const RefresherOptions options_;
  RefreshQueue queue_;
  RefreshQueue::Time now_{1h};
  std::uint64_t events_ = 0;  ///< the order of arrivals and starts
  std::map<RefreshQueue::DeliveryId, Waiting> waiting_;
  std::map<std::string, std::uint64_t> in_flight_;     ///< object → start
  std::map<std::string, std::uint64_t> wanted_since_;  ///< object → last arrival not yet served
  std::map<std::string, RefreshQueue::Time> backs_off_until_;
  std::set<std::string> was_early_;  ///< their last wait was cut short
  /// Projects that wait and may have one more in flight → those that have had a turn meanwhile.
  std::map<std::string, std::set<std::string>> passed_;
};

}  // namespace

TEST_CASE("whatever happens: no acknowledgement without a later PATCH, and nothing is lost") {
  for (std::uint32_t seed = 1; seed <= (test::kSanitized ? 5 : 30); ++seed) {
    CAPTURE(seed);
    Model(seed).run();
  }
}

}  // namespace receiver::controllers
