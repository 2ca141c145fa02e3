#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/intrusive/list.hpp>

#include "clock/clock.h"
#include "controllers/target.h"
#include "kube/error.h"

namespace receiver::controllers {

struct RefresherOptions {
  std::size_t patches_in_flight = 64;
  /// Limit of objects in the queue: waiting, in flight, backing off.
  std::size_t objects_waiting = 50'000;
  std::chrono::milliseconds first_backoff{200};
  std::chrono::milliseconds longest_backoff{30'000};
  /// A 403, or a 404 that is not about the object, is retried this long: a restarted API server
  /// answers so until its caches are filled.
  std::chrono::milliseconds forbidden_for{600'000};
  /// If a 403 comes later than this after the object's last one, that time starts again: the API
  /// server may have been restarted since. Longer than a few retries take, whatever their failures.
  std::chrono::milliseconds forbidden_memory{120'000};
};

/// Decides which PATCH starts when, and which deliveries it serves: the decisions of the refresher,
/// without I/O, clock or threads. Every operation is O(1) per target or waiter, O(log n) for one
/// that waits for a time; amortized, because a success ends the waits of many. `start` looks at no
/// more than half as many projects as there are slots.
///
/// Projects (namespaces) take turns, so a fan-out to thousands of objects delays no other project.
/// PATCHes that hang until their timeout, which is longer than a delivery waits, do not delay
/// others either: a project starts a PATCH only while it has fewer in flight than twice the free
/// slots (the threshold). One project alone fills two thirds of the slots, the next one two thirds
/// of the rest, and they even out as PATCHes end: of 64, one project has 43, two have 26 each.
/// Another project then finds a free slot, unless several projects fill their shares within one
/// timeout. A project with half of the slots (rounded up) starts none while another project waits.
///
/// So slots may be idle while objects wait, but never while an object of a project below the
/// threshold waits. An object that waits for a slot always waits for a PATCH in flight to end.
///
/// An object has at most one PATCH in flight and one waiting. A delivery joins the waiting one,
/// because only a PATCH that starts after its arrival tells Kargo that there is something new. A
/// transient failure returns to waiting, with all deliveries that wait for it.
class RefreshQueue {
 public:
  using Time = clock::Steady::time_point;
  using DeliveryId = std::uint64_t;

  /// `seed` is for the jitter.
  RefreshQueue(RefresherOptions options, std::uint32_t seed);
  ~RefreshQueue();
  RefreshQueue(const RefreshQueue&) = delete;
  RefreshQueue& operator=(const RefreshQueue&) = delete;

  /// Queues the targets (distinct, at least one) for a delivery with a new id. Returns how many
  /// share a PATCH that others wait for already; nothing, and nothing is queued, if that would be
  /// more objects than `objects_waiting`.
  [[nodiscard]] std::optional<std::size_t> add(DeliveryId delivery,
                                               const std::vector<Target>& targets, Time now);

  /// The delivery no longer waits; its targets stay queued. Unknown ids are allowed.
  void leave(DeliveryId delivery);

  /// The next PATCH to send, in flight from now on. Call until there is none. Valid until its
  /// `finish`.
  [[nodiscard]] const Target* start(Time now);

  enum class Verdict {
    kApplied,
    kGone,     ///< the object does not exist: nothing to refresh
    kRefused,  ///< will never succeed: given up
    kRetry,    ///< transient failure
    kStopped,  ///< the client is closed: nothing starts any more
  };
  struct Served {
    DeliveryId delivery;
    bool complete;  ///< this was its last target; the queue has forgotten the delivery
  };
  struct Finished {
    Verdict verdict = Verdict::kApplied;
    std::vector<Served> served;             ///< by kApplied, kGone and kRefused
    Time::duration waited{0};               ///< since the first delivery that this PATCH was for
    std::chrono::milliseconds retry_in{0};  ///< for kRetry
    /// For kRefused and kRetry: there was no such log line about the object for longest_backoff.
    bool worth_a_line = false;
  };
  /// The object's PATCH in flight has ended.
  [[nodiscard]] Finished finish(const Target& target, const kube::ApiResult<void>& result,
                                Time now);

  /// When to call `start` again if nothing else happens.
  [[nodiscard]] std::optional<Time> next_retry() const;

  /// The API server has answered another request. Ends every wait after a PATCH that did not reach
  /// it, once per step of that object's backoff: if the next PATCH fails in the same way, the
  /// object waits in full.
  void server_is_back();

  /// Ends every backoff and starts with short ones again: for the last seconds of a process.
  void retry_now();

  /// Objects that wait, back off or are in flight.
  [[nodiscard]] std::size_t size() const { return queued_; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  /// Objects that are remembered only for the result of their last PATCH.
  [[nodiscard]] std::size_t remembered() const { return objects_.size() - queued_; }
  /// Projects with objects that wait for a slot or are in flight. Other projects use no memory.
  [[nodiscard]] std::size_t projects() const { return projects_.size(); }
  /// Since the first delivery that still waits. Looks at every object.
  [[nodiscard]] Time::duration oldest_age(Time now) const;
  [[nodiscard]] bool stopped() const { return stopped_; }
  /// The same objects, by name.
  [[nodiscard]] std::vector<Target> unfinished() const;

 private:
  struct Delivery;
  /// One target of one delivery, linked into its object's list. The destructor unlinks it.
  struct Waiter : boost::intrusive::list_base_hook<
                      boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    Delivery* delivery = nullptr;
  };
  using Waiters = boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>>;

  struct Delivery {
    DeliveryId id = 0;
    std::size_t remaining = 0;
    std::unique_ptr<Waiter[]> waiters;
  };

  /// 403s of one object, each at most forbidden_memory after the one before.
  struct Forbidden {
    Time first, last;
  };

  /// The hook links it into its project's line or remembered_, or none.
  struct Object : boost::intrusive::list_base_hook<
                      boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    const Target* target = nullptr;  ///< its key in objects_
    Waiters waiting;                 ///< for the PATCH that has not started
    Waiters served;                  ///< by the PATCH in flight
    Time waiting_since{};            ///< the first delivery for the PATCH that has not started
    Time served_since{};             ///< the first delivery for the PATCH in flight
    bool wanted = false;             ///< a PATCH waits, whether or not a delivery still does
    bool patching = false;
    bool unreachable = false;    ///< the last failed PATCH did not reach the API server
    bool cut_short = false;      ///< a success elsewhere ended the wait after it
    std::uint32_t failures = 0;  ///< in a row, of the same kind: the step of the backoff
    std::optional<Forbidden> forbidden;
    Time refused_at{};
    Time no_retry_line_before{};
    Time no_refusal_line_before{};
  };
  using Objects = boost::intrusive::list<Object, boost::intrusive::constant_time_size<false>>;

  /// The hook links it into turns_ while its line is not empty.
  struct Project : boost::intrusive::list_base_hook<
                       boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    Objects line;  ///< waiting for a slot, in order
    std::size_t in_flight = 0;
  };
  using Projects = boost::intrusive::list<Project, boost::intrusive::constant_time_size<false>>;

  struct TargetHash {
    std::size_t operator()(const Target& target) const noexcept {
      return std::hash<kube::ObjectKey>{}(target.key) * 2 + static_cast<std::size_t>(target.kind);
    }
  };

  using Due = std::pair<Time, Object*>;
  struct Later {
    bool operator()(const Due& left, const Due& right) const { return left.first > right.first; }
  };
  using ByTime = std::priority_queue<Due, std::vector<Due>, Later>;

  [[nodiscard]] bool room_for(const std::vector<Target>& targets) const;
  void want(Object& object, Time now);
  void line_up(Object& object);
  void line_up_due(ByTime& waiting, std::optional<Time> due);
  [[nodiscard]] Project* next_project();
  void free_slot(const std::string& project);
  [[nodiscard]] std::size_t half_of_slots() const { return (options_.patches_in_flight + 1) / 2; }
  void settle(Object& object, Time now, Finished& finished);
  void forget_expired(Time now);
  void forget(const Object& object);
  void back_off(Object& object, const kube::ApiError& error, Time now, Finished& finished);
  [[nodiscard]] bool is_forbidden_for_good(Object& object, Time now) const;
  [[nodiscard]] std::chrono::milliseconds jittered(std::chrono::milliseconds longest);
  void merge_back(Object& object);
  void forget_oldest_beyond_bound();
  [[nodiscard]] bool worth_a_line(Time& not_before, Time now) const;

  const RefresherOptions options_;
  std::minstd_rand random_;
  std::unordered_map<DeliveryId, Delivery> deliveries_;
  std::unordered_map<Target, Object, TargetHash> objects_;
  std::unordered_map<std::string, Project> projects_;
  Projects turns_;             ///< projects whose line is not empty
  Objects remembered_;         ///< rejected and not queued, oldest first
  ByTime waiting_for_server_;  ///< backing off, at the latest until server_is_back()
  ByTime waiting_in_full_;     ///< backing off, whatever succeeds elsewhere
  std::size_t queued_ = 0;
  std::size_t in_flight_ = 0;
  bool stopped_ = false;
};

}  // namespace receiver::controllers
