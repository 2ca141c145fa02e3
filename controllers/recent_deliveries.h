#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "clock/clock.h"
#include "controllers/target.h"

namespace receiver::controllers {

/// The receiver of a delivery. The path is derived from the receiver's key: another key, another
/// path.
struct Recipient {
  std::string path;
  std::string project;  ///< empty: every namespace
  std::string receiver;
  friend bool operator==(const Recipient&, const Recipient&) = default;
};

/// What a delivery names: git::identity of a push's repositories, or the identities of pull
/// requests.
struct Named {
  TargetKind kind = TargetKind::kWarehouse;
  std::vector<std::string> identities;
  std::vector<std::string> refs;  ///< of a push; empty: unknown
};

struct RecentDeliveriesLimits {
  /// Longer than the silence after which a watch counts as broken (kube::ReflectorTimes).
  std::chrono::milliseconds remembered{120'000};
  std::size_t per_recipient = 1'000;
  std::size_t deliveries = 10'000;
  std::size_t bytes = 8 * 1024 * 1024;
  std::size_t refs = 100;  ///< a delivery with more counts as one with unknown refs
  /// Repositories and pull requests with a longer identity are not remembered, and refs longer than
  /// this count as unknown, so that no sender can fill the memory with a few deliveries.
  std::size_t name_bytes = 1024;
  /// If the remembered deliveries for an object have more refs than this together, all refs count:
  /// the cost of an object stays limited.
  std::size_t refs_asked = 1'000;
};

/// The deliveries of the last two minutes, for objects that a store gets after them (SPEC 3, "Late
/// targets"). Pure: no clock, no I/O, no threads.
///
/// A delivery is forgotten two minutes after it arrived, but not before the watch of its kind has
/// been current for two minutes: changes during a break are seen late. At a limit the oldest is
/// dropped. A delivery that names the same as a remembered one of its recipient replaces it. Every
/// operation is O(1) on average in the number of deliveries; find() looks only at those that it
/// finds.
class RecentDeliveries {
 public:
  using Time = clock::Steady::time_point;

  explicit RecentDeliveries(RecentDeliveriesLimits limits = {}) : limits_(limits) {}
  RecentDeliveries(const RecentDeliveries&) = delete;
  RecentDeliveries& operator=(const RecentDeliveries&) = delete;

  void remember(const Recipient& recipient, const Named& named, Time now);

  /// Deliveries of one recipient that name an object.
  struct Found {
    Recipient recipient;
    std::vector<std::string> refs;  ///< of all of them; empty: unknown
  };
  /// The recipients whose deliveries name this repository or pull request, for an object in
  /// namespace `ns`. Neither is empty.
  [[nodiscard]] std::vector<Found> find(TargetKind kind, const std::string& ns,
                                        const std::string& identity, Time now);

  /// The watch of a kind is broken (as at the start), or current again.
  void watch_broke(TargetKind kind, Time now);
  void watch_is_current(TargetKind kind, Time now);

  [[nodiscard]] std::size_t size() const { return by_content_.size(); }
  /// An estimate that includes the containers.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// Dropped before their time, at a limit.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  struct Delivery;
  using ByRecipient = std::list<const Delivery*>;  ///< oldest first
  struct RecipientHash {
    std::size_t operator()(const Recipient& recipient) const;
  };
  using Recipients = std::unordered_map<Recipient, ByRecipient, RecipientHash>;

  struct Delivery {
    TargetKind kind;
    Recipients::value_type* recipient;
    std::vector<std::string> keys;  ///< of by_key_, sorted, each once
    std::vector<std::string> refs;
    Time at;
    std::size_t bytes = 0;
    std::list<Delivery>::iterator self{};
    ByRecipient::iterator of_recipient{};
  };
  using Deliveries = std::list<Delivery>;

  struct ContentHash {
    std::size_t operator()(const Delivery* delivery) const;
  };
  struct SameContent {
    bool operator()(const Delivery* left, const Delivery* right) const;
  };
  struct Kind {
    Deliveries deliveries;  ///< oldest first
    std::optional<Time> current_since;
  };

  [[nodiscard]] Kind& of(TargetKind kind) { return kinds_.at(static_cast<std::size_t>(kind)); }
  [[nodiscard]] bool expired(const Delivery& delivery, const Kind& kind, Time now) const;
  void forget_expired(Kind& kind, Time now);
  void forget_beyond_bounds(const ByRecipient& newest);
  void drop(const Delivery& delivery);
  void forget(const Delivery& delivery);

  const RecentDeliveriesLimits limits_;
  std::array<Kind, 2> kinds_;  ///< by TargetKind
  Recipients recipients_;      ///< only those with deliveries
  std::unordered_set<const Delivery*, ContentHash, SameContent> by_content_;
  std::unordered_map<std::string, std::unordered_set<const Delivery*>> by_key_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace receiver::controllers
