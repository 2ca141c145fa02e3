#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "test/chaos/changes.h"
#include "test/chaos/invariant.h"
#include "test/chaos/report.h"
#include "test/chaos/traffic.h"
#include "test/chaos/world.h"
#include "test/support/cluster.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"

namespace receiver::chaos {

using namespace std::chrono_literals;

/// Bitbucket's timeout; the operator's answer deadline is 2 s before it.
inline constexpr std::chrono::milliseconds kAnsweredWithin = 10s;
/// Nothing is rejected before the answer deadline.
inline constexpr std::chrono::milliseconds kHeldFor = 7900ms;

/// Until a Lease that is not renewed has expired and been taken: a candidate tries every 2 to 4.4
/// s, before and after.
constexpr std::chrono::seconds kLeaseTime{15 + 9};

/// The common part of every fault test: steady traffic, a fault in the middle of it, recovery, and
/// the invariant at the end, which fails the test if it is violated. The row of the results has the
/// test's name.
class Experiment {
 public:
  /// Starts traffic to these replicas, without a fault at first.
  Experiment(const test::Cluster& cluster, const World& world,
             std::vector<const test::Operator*> replicas);

  [[nodiscard]] Traffic& traffic() { return traffic_; }
  [[nodiscard]] std::vector<Change> changes() const { return feed_.changes(); }
  void send_to(const std::vector<const test::Operator*>& replicas);

  /// `what` is the fault, from its beginning to its return.
  void fault(const std::function<void()>& what);
  /// Returns when a delivery to each repository that was sent after the fault has been
  /// acknowledged, and a calm time has followed.
  void recover(std::chrono::milliseconds limit = kRecovery);

  /// What may happen to unacknowledged deliveries.
  enum class Queued {
    kAllApplied,  ///< the promise of SPEC 4: every delivery is answered in time, with 200 or that
    kSomeTurnedAway,  ///< the same for accepted ones, but limits are reached
    kMayBeLost,       ///< an operator that had them was killed
    kEvenUnanswered,  ///< a new leader catches up
  };
  /// Stops the traffic, checks and reports.
  Findings finish(Queued queued = Queued::kAllApplied, const std::string& remark = {});

  /// Deliveries that arrived after `begin` and whose answer was due well before `end`.
  [[nodiscard]] std::vector<SentDelivery> due_between(Time begin, Time end) const;

  /// Traffic before a fault and after recovery.
  static constexpr std::chrono::milliseconds kCalm = 2s;
  /// The longest backoff of a PATCH, and time for its answer.
  static constexpr std::chrono::milliseconds kRecovery = 45s;

 private:
  [[nodiscard]] bool acknowledged_since(Time time) const;
  [[nodiscard]] std::chrono::milliseconds worst_unaffected() const;

  ChangeFeed feed_;
  std::vector<Signed> deliveries_;
  Traffic traffic_;
  std::optional<Time> fault_began_;
  std::optional<Time> fault_ended_;
  std::optional<Time> recovered_;
};

/// A Warehouse that appears while there is no watch is refreshed by a push once the watch is back.
void check_sees_what_it_missed(const test::Operator& op, const test::Project& project,
                               const char* slug, std::chrono::milliseconds limit);

}  // namespace receiver::chaos
