#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "api/promotion.h"
#include "api/warehouse.h"
#include "bitbucket/event.h"
#include "controllers/recent_deliveries.h"
#include "controllers/refresher.h"
#include "controllers/routes.h"
#include "kube/store.h"
#include "log/logger.h"

namespace receiver::webhook {

struct LateTargetCounters {
  std::atomic<std::uint64_t> refreshes{0};
  std::atomic<std::int64_t> remembered_current{0};  ///< deliveries
  std::atomic<std::uint64_t> dropped{0};            ///< deliveries forgotten early, at a bound
};

/// Refreshes what a store learns of after a delivery that names it (SPEC 3, "Late targets"). It
/// observes both stores: an object that comes into one, or whose subscriptions or pull requests
/// change, is refreshed once if recent deliveries name it, however many. Stores call no observer
/// for anything else, so not for the refresh annotation.
///
/// The decisions are RecentDeliveries'. What a receiver was sent counts only while it is served.
class LateTargets {
 public:
  /// Before the reflectors start. `executor` is the thread of the reflectors and the refresher;
  /// everything given outlives it.
  LateTargets(boost::asio::any_io_executor executor, const controllers::RouteTable& routes,
              kube::Store<api::Warehouse>& warehouses, kube::Store<api::Promotion>& promotions,
              controllers::Refresher& refresher, log::Logger logger,
              controllers::RecentDeliveriesLimits limits = {});
  ~LateTargets();
  LateTargets(const LateTargets&) = delete;
  LateTargets& operator=(const LateTargets&) = delete;

  /// A delivery that these receivers' keys sign. From any thread, before its targets are looked up
  /// in the stores: what comes into a store after the look is then told of, and finds it here.
  /// Between the two an object may be found by both, and is then patched twice at most.
  void remember(const std::vector<controllers::Route>& receivers,
                const bitbucket::Payload& payload);

  /// Whether the watch of a kind is open: until two minutes after it is, nothing is forgotten.
  void watch_changed(controllers::TargetKind kind, bool current);
  /// Nothing is refreshed any more.
  void stop();

  [[nodiscard]] const LateTargetCounters& counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::webhook
