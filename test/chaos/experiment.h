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

/// When Bitbucket gives up; the operator's answer deadline is 2 s before.
inline constexpr std::chrono::milliseconds kAnsweredWithin = 10s;
/// Nobody is turned away before the answer deadline.
inline constexpr std::chrono::milliseconds kHeldFor = 7900ms;

/// Until a Lease that is not renewed has expired, and been taken: a candidate looks every 2 to
/// 4.4 s, before and after.
constexpr std::chrono::seconds kLeaseTime{15 + 9};

/// What every test of a fault has: steady traffic, a fault in the middle of it, recovery, and the
/// invariant at the end, which fails the test when it does not hold. The row of the results is
/// named as the test.
class Experiment {
 public:
  /// Traffic begins, to these replicas. Calm at first.
  Experiment(const test::Cluster& cluster, const World& world,
             std::vector<const test::Operator*> replicas);

  [[nodiscard]] Traffic& traffic() { return traffic_; }
  [[nodiscard]] std::vector<Change> changes() const { return feed_.changes(); }
  void send_to(const std::vector<const test::Operator*>& replicas);

  /// What it does is the fault, from its begin to its return.
  void fault(const std::function<void()>& what);
  /// Returns when a delivery to each repository that was sent after the fault has been
  /// acknowledged, and calm has followed.
  void recover(std::chrono::milliseconds limit = kRecovery);

  /// What may become of the deliveries that were not acknowledged.
  enum class Queued {
    kAllApplied,      ///< the promise of SPEC 4; every delivery is answered in time, by 200 or that
    kSomeTurnedAway,  ///< the same of those that were taken, but bounds are reached
    kMayBeLost,       ///< an operator was killed that had them
    kEvenUnanswered,  ///< somebody catches up
  };
  /// Ends the traffic, checks and reports.
  Findings finish(Queued queued = Queued::kAllApplied, const std::string& remark = {});

  /// Those that came after `begin` and whose answer was due well before `end`.
  [[nodiscard]] std::vector<SentDelivery> due_between(Time begin, Time end) const;

  /// How long traffic goes on before a fault and after recovery.
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

/// A Warehouse that appears while nobody watches is refreshed by a push once the watch is back.
void check_sees_what_it_missed(const test::Operator& op, const test::Project& project,
                               const char* slug, std::chrono::milliseconds limit);

}  // namespace receiver::chaos
